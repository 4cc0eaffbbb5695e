/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/nbd_netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MESSAGE_BYTES = 8192,
	BLOCK_BYTES_MIN = 512, /* of the driver; at most a page */
	BLOCK_BYTES_MAX = 4096,
	SEQUENCE = 1,
};

struct reply {
	uint16_t wanted; /* the attribute that the answer is in; 0: none */
	uint8_t command; /* of the message that has it */
	uint32_t value;
	bool is_found;
	uint32_t group; /* of the family's messages to everybody; 0: it told of none */
};

/* The number of the group NBD_GENL_MCAST_GROUP_NAME, from the controller's list of them. */
static uint32_t find_group(const struct nlattr *groups)
{
	const struct nlattr *group, *attribute;
	uint32_t number = 0;

	mnl_attr_for_each_nested(group, groups)
	{
		const char *name = "";
		uint32_t id = 0;

		mnl_attr_for_each_nested(attribute, group)
		{
			if (mnl_attr_get_type(attribute) == CTRL_ATTR_MCAST_GRP_ID &&
			    !mnl_attr_validate(attribute, MNL_TYPE_U32))
				id = mnl_attr_get_u32(attribute);
			if (mnl_attr_get_type(attribute) == CTRL_ATTR_MCAST_GRP_NAME &&
			    !mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING))
				name = mnl_attr_get_str(attribute);
		}
		if (!strcmp(name, NBD_GENL_MCAST_GROUP_NAME))
			number = id;
	}
	return number;
}

static struct nlmsghdr *begin(char *buffer, uint16_t type, uint16_t flags, uint8_t command)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *genl;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	message->nlmsg_seq = SEQUENCE;
	genl = mnl_nlmsg_put_extra_header(message, sizeof(*genl));
	genl->cmd = command;
	genl->version = 1;
	return message;
}

static int on_message(const struct nlmsghdr *message, void *context)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(message);
	struct reply *reply = context;
	const struct nlattr *attribute;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*genl) || !reply->wanted || genl->cmd != reply->command)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*genl))
	{
		if (genl->cmd == CTRL_CMD_NEWFAMILY && reply->wanted == CTRL_ATTR_FAMILY_ID &&
		    mnl_attr_get_type(attribute) == CTRL_ATTR_MCAST_GROUPS)
			reply->group = find_group(attribute);
		if (mnl_attr_get_type(attribute) != reply->wanted)
			continue;
		if (mnl_attr_get_payload_len(attribute) == sizeof(uint16_t))
			reply->value = mnl_attr_get_u16(attribute);
		else if (mnl_attr_get_payload_len(attribute) == sizeof(uint32_t))
			reply->value = mnl_attr_get_u32(attribute);
		else
			continue;
		reply->is_found = true;
	}
	return MNL_CB_OK;
}

/* Sends and takes what comes until the kernel's acknowledgement, which is its error code too. */
static int converse(struct mnl_socket *netlink, struct nlmsghdr *message, struct reply *reply)
{
	char buffer[MESSAGE_BYTES];
	int r = MNL_CB_OK;

	if (mnl_socket_sendto(netlink, message, message->nlmsg_len) < 0)
		return -errno;
	while (r == MNL_CB_OK) {
		ssize_t got = mnl_socket_recvfrom(netlink, buffer, sizeof(buffer));

		if (got < 0)
			return -errno;
		r = mnl_cb_run(buffer, (size_t)got, SEQUENCE, mnl_socket_get_portid(netlink), on_message, reply);
	}
	return r < 0 ? -errno : 0;
}

/* Opens netlink and finds the driver's family, and the group (or NULL) that it tells news to. */
static int open_family(struct mnl_socket **netlink, uint16_t *family, uint32_t *group)
{
	struct reply reply = { .wanted = CTRL_ATTR_FAMILY_ID, .command = CTRL_CMD_NEWFAMILY };
	char buffer[MESSAGE_BYTES];
	struct nlmsghdr *message;
	int r;

	*netlink = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!*netlink)
		return -errno;
	if (mnl_socket_bind(*netlink, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	message = begin(buffer, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, NBD_GENL_FAMILY_NAME);
	r = converse(*netlink, message, &reply);
	if (r == -ENOENT || (!r && !reply.is_found))
		return -ENOTSUP;
	*family = (uint16_t)reply.value;
	if (group)
		*group = reply.group;
	return r;
}

static void put_socket(struct nlmsghdr *message, int socket)
{
	struct nlattr *sockets = mnl_attr_nest_start(message, NBD_ATTR_SOCKETS);
	struct nlattr *item = mnl_attr_nest_start(message, NBD_SOCK_ITEM);

	mnl_attr_put_u32(message, NBD_SOCK_FD, (uint32_t)socket);
	mnl_attr_nest_end(message, item);
	mnl_attr_nest_end(message, sockets);
}

static void close_netlink(struct mnl_socket *netlink)
{
	if (netlink)
		mnl_socket_close(netlink);
}

int nbd_netlink_connect(const struct nbd_kernel_export *export, unsigned timeout_seconds, const char *name,
                        unsigned *index)
{
	struct reply reply = { .wanted = NBD_ATTR_INDEX, .command = NBD_CMD_CONNECT };
	struct mnl_socket *netlink = NULL;
	uint64_t block = export->align_bytes;
	char buffer[MESSAGE_BYTES];
	struct nlmsghdr *message;
	uint16_t family;
	int r = open_family(&netlink, &family, NULL);

	if (r)
		goto out;
	if (block > BLOCK_BYTES_MAX) {
		r = -EINVAL;
		goto out;
	}
	message = begin(buffer, family, 0, NBD_CMD_CONNECT);
	mnl_attr_put_u64(message, NBD_ATTR_SIZE_BYTES, export->size_bytes);
	mnl_attr_put_u64(message, NBD_ATTR_BLOCK_SIZE_BYTES, block < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : block);
	mnl_attr_put_u64(message, NBD_ATTR_TIMEOUT, timeout_seconds);
	/* A lost connection fails what is asked of it, at once: there is another path, or the mirror's other leg. */
	mnl_attr_put_u64(message, NBD_ATTR_DEAD_CONN_TIMEOUT, 0);
	mnl_attr_put_u64(message, NBD_ATTR_SERVER_FLAGS, export->flags);
	mnl_attr_put_strz(message, NBD_ATTR_BACKEND_IDENTIFIER, name);
	put_socket(message, export->socket);
	r = converse(netlink, message, &reply);
	if (!r && !reply.is_found)
		r = -EPROTO;
	*index = reply.value;
out:
	close_netlink(netlink);
	return r;
}

/* About a device that there is; a socket for a new connection, or -1. */
static int ask(uint8_t command, unsigned index, const char *name, int socket)
{
	struct mnl_socket *netlink = NULL;
	struct reply reply = { 0 };
	char buffer[MESSAGE_BYTES];
	struct nlmsghdr *message;
	uint16_t family;
	int r = open_family(&netlink, &family, NULL);

	if (!r) {
		message = begin(buffer, family, 0, command);
		mnl_attr_put_u32(message, NBD_ATTR_INDEX, index);
		if (name)
			mnl_attr_put_strz(message, NBD_ATTR_BACKEND_IDENTIFIER, name);
		if (socket >= 0)
			put_socket(message, socket);
		r = converse(netlink, message, &reply);
	}
	close_netlink(netlink);
	return r;
}

int nbd_netlink_reconnect(unsigned index, int socket, const char *name)
{
	return ask(NBD_CMD_RECONFIGURE, index, name, socket);
}

/* Reconfigured in nothing at all, which the driver refuses where it was disconnected (nbd_genl_reconfigure). */
bool nbd_netlink_is_bound(unsigned index, const char *name)
{
	return ask(NBD_CMD_RECONFIGURE, index, name, -1) != -EINVAL;
}

int nbd_netlink_disconnect(unsigned index)
{
	int r = ask(NBD_CMD_DISCONNECT, index, NULL, -1);

	return r == -ENOTSUP ? 0 : r;
}

/*
 * Disconnecting fails what is under way (drivers/block/nbd.c, nbd_clear_que). Kernels that let the device be connected
 * anew after it leave a mark, NBD_RT_DISCONNECT_REQUESTED, on a connection that was dead before, with which the next loss
 * would not be told; it goes with a connection that ends while it is there. So it gets one whose other end is closed.
 */
int nbd_netlink_bury(unsigned index, const char *name)
{
	int pair[2], r = nbd_netlink_disconnect(index);

	if (r)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	close(pair[1]);
	r = nbd_netlink_reconnect(index, pair[0], name);
	close(pair[0]);
	return r == -EINVAL ? 0 : r; /* it takes none, or nobody had it open and it is free */
}

struct listener {
	void (*lost)(unsigned index, void *context);
	void *context;
};

static int on_news(const struct nlmsghdr *message, void *context)
{
	const struct listener *listener = context;
	struct reply reply = { .wanted = NBD_ATTR_INDEX, .command = NBD_CMD_LINK_DEAD };

	on_message(message, &reply);
	if (reply.is_found)
		listener->lost(reply.value, listener->context);
	return MNL_CB_OK;
}

int nbd_netlink_listen(void (*lost)(unsigned index, void *context), void *context)
{
	struct listener listener = { lost, context };
	struct mnl_socket *netlink = NULL;
	char buffer[MESSAGE_BYTES];
	uint32_t group = 0;
	uint16_t family;
	int r = open_family(&netlink, &family, &group);

	if (!r && !group)
		r = -ENOTSUP;
	if (!r && mnl_socket_setsockopt(netlink, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		r = -errno;
	while (!r) {
		ssize_t got = mnl_socket_recvfrom(netlink, buffer, sizeof(buffer));

		/* Too much at once, so that some was lost: a connection that is not buried ends with its time. */
		if (got < 0 && errno != EINTR && errno != ENOBUFS)
			r = -errno;
		else if (got > 0)
			mnl_cb_run(buffer, (size_t)got, 0, 0, on_news, &listener);
	}
	close_netlink(netlink);
	return r;
}
