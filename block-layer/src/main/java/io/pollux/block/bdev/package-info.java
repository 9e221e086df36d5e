// SPDX-License-Identifier: GPL-2.0-only

/**
 * Block devices as files (fs/block_dev.c), and the interfaces of filesystems and disks that come
 * from outside.
 *
 * <p>Direct I/O must be aligned to the logical block size in offset, length and every piece of
 * memory; otherwise it returns EINVAL. A request is one bio or a chain of bios, and the last bio to
 * complete finishes it. With O_DSYNC or RWF_DSYNC the bios carry REQ_FUA, so the request is durable
 * when it completes, in any context.
 *
 * <p>Without O_DIRECT a device is read and written through the page cache ({@link
 * io.pollux.core.filemap.Filemap}), at any position and length. Direct and buffered I/O see each
 * other's data. Direct I/O first writes back the dirty pages of its range. A direct write also
 * drops the pages of its range, before it starts and again at completion.
 *
 * <p>Dirty pages reach the device by fsync, by O_DSYNC, by the last close of the device, and at
 * shutdown. If a completion drops the last reference after the descriptor was closed, it can't
 * sleep for the write-back. The pages then stay until the device is used again or the kernel shuts
 * down.
 *
 * <p>fallocate and the ioctls that zero or discard a range first drop its pages, dirty or not.
 *
 * <h2>Filesystems and disks from outside</h2>
 *
 * A jar adds types by the rules of {@link java.util.ServiceLoader}. XFS, GFS2 and the disks of
 * {@code io.pollux.block.driver} are added in the same way; there is no list of them.
 *
 * <ul>
 *   <li>{@link io.pollux.block.bdev.FileSystemType}: a type of filesystem. {@code recognises} sees
 *       the head of a disk and decides by a magic number. {@code mount} returns a SuperBlock.
 *       {@code mkfs} and {@code check} are optional.
 *   <li>{@link io.pollux.block.bdev.DiskType}: a type of disk. {@code open} gets {@link
 *       io.pollux.block.bdev.DiskParameters}: a name, a size, options and the disks below it. It
 *       returns an {@link io.pollux.block.bdev.OpenedDisk}.
 *   <li>{@link io.pollux.block.bdev.Providers} finds both and looks them up by name.
 * </ul>
 *
 * <p>A modular jar declares {@code provides io.pollux.block.bdev.FileSystemType with com.example.X}
 * or the same for DiskType. Any jar may instead name the class in {@code META-INF/services}. The
 * class is public, with a public constructor without parameters. It is instantiated once for a
 * process, so it keeps no state of a mount or a disk.
 *
 * <p>Options are {@link io.pollux.core.Options}: {@code key=value} in the words of the type. A type
 * takes the keys that it knows and calls {@code requireAllKnown}, so that an unknown one is refused
 * by name before anything changes. The kernel itself takes {@code ro} and {@code rw} of a mount.
 *
 * <p>{@code mount}, {@code mkfs}, {@code check} and {@code open} run in process context and may
 * sleep. They report an error as an ErrnoException with one sentence, and release what they hold
 * before they throw. The caller claims the device before and releases the claim afterwards.
 */
@NullMarked
package io.pollux.block.bdev;

import org.jspecify.annotations.NullMarked;
