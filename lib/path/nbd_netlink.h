/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The netlink family of the kernel's nbd driver (linux/nbd-netlink.h). libmnl stays behind it. */
#ifndef SVC_NBD_NETLINK_H
#define SVC_NBD_NETLINK_H

#include "dev/nbd_handle.h"

/*
 * Connects a free device; *index says which. `name` is kept by the kernel (/sys/block/nbdN/backend), and
 * nobody without it can connect the device anew. 0 or -errno; -ENOTSUP where there is no nbd driver.
 */
int nbd_netlink_connect(const struct nbd_kernel_export *export, unsigned timeout_seconds, const char *name,
                        unsigned *index);

/* A new socket for a device whose connection is lost. -ENOSPC where it is not. */
int nbd_netlink_reconnect(unsigned index, int socket, const char *name);

/* False where it was disconnected, and is there still only because others have it open. */
bool nbd_netlink_is_bound(unsigned index, const char *name);

/*
 * Ends the connection: requests under way fail at once. Where others have the device open it stays, and keeps no
 * reference of its own: it goes with the last of them.
 */
int nbd_netlink_disconnect(unsigned index);

/*
 * Ends what is left of a connection that was lost: requests that were under way fail now and not when their time is
 * over. By most kernels the device cannot be connected anew then, and is free once nobody has it open.
 */
int nbd_netlink_bury(unsigned index, const char *name);

/* Calls `lost` whenever the driver says that a connection is lost. Returns only where that cannot be told: -errno. */
int nbd_netlink_listen(void (*lost)(unsigned index, void *context), void *context);

#endif
