/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's block device for an NBD server. The handshake is libnbd's, with its deadlines; the
 * connected socket then goes to the nbd driver through netlink (linux/nbd-netlink.h), so that no process
 * of ours has to stay: the device outlives us, an initramfs too.
 *
 * The driver knows no TLS. For nbds:// it gets one end of a socket pair, and nbdkit with its nbd plugin
 * has the other one and speaks TLS, certificates or PSK, to the server; it ends with the connection.
 */
#ifndef SVC_ATTACH_H
#define SVC_ATTACH_H

#include "dev/dev.h"

enum { NBD_DEVICE_SIZE = 64 };

/*
 * Makes /dev/nbdN for the URI and puts its name into `device`; loads the nbd module where it has to.
 * Requests that the server leaves unanswered for options->timeout_seconds (0: 5) fail and end the
 * connection. What is attached for the same URI already is used again, and connected anew if it was lost; where the
 * export is another one by now (-ESTALE, -EROFS) only if nobody uses the device.
 * Connecting has the same deadline. Errors as dev_open; -ENOTSUP where the kernel has no nbd or nbdkit is
 * not installed (nbds:// only).
 */
int nbd_attach(const char *uri, const struct dev_options *options, char device[NBD_DEVICE_SIZE],
               struct svc_error *error);

/*
 * The device that is attached for the URI, whether or not its connection lives; not one that was given up and is there
 * only because others have it open. 0, or -ENOENT.
 */
int nbd_find(const char *uri, char device[NBD_DEVICE_SIZE]);

/*
 * Gives an attached device, which may be in use, a new connection in place of a lost one. -EBUSY where its
 * connection is not lost, -ESTALE where the export has another size than the device, -EROFS where only one of them
 * is read-only; else as nbd_attach.
 */
int nbd_reconnect(const char *uri, const struct dev_options *options, const char *device, struct svc_error *error);

/*
 * Waits for the kernel to say that the connection of the device attached for the URI is lost, and has the requests
 * fail that are under way, which they would not do before their time-out: for as long as it can, then -errno.
 */
int nbd_watch(const char *uri);

/*
 * Ends the connection of /dev/nbdN; requests under way fail. The device is free again once nobody has it
 * open. 0 too where it was not connected. -EINVAL where it is no nbd device.
 */
int nbd_detach(const char *device, struct svc_error *error);

#endif
