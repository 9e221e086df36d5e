// SPDX-License-Identifier: GPL-2.0-only

/**
 * The page cache: the counterpart of mm/filemap.c and of parts of mm/page-writeback.c.
 *
 * <p>A {@link io.pollux.core.filemap.PageCache} is a fixed number of pages that the files of one
 * device share. Each cached file has a {@link io.pollux.core.filemap.Mapping}, which records its
 * pages. The filesystem or block device reads and writes pages through a {@link
 * io.pollux.core.filemap.PageIo}. {@link io.pollux.core.filemap.Filemap} reads and writes files
 * through the cache.
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li>A page in a mapping is uptodate, or the task that fills it holds its lock.
 *   <li>A task that fills, changes or writes back a page holds the page's lock. A reader of an
 *       uptodate page does not: a read that races with a write may return parts of both, as in
 *       Linux.
 *   <li>A page is dirty from the moment its writer unlocks it until its data is on the device or
 *       its write-back fails. After a failure the mapping keeps the error.
 *   <li>A page is reused only if it is clean, unlocked, and no reader copies from it.
 * </ul>
 *
 * <p>Errors of write-back, as in Linux 4.20: every open file reports an error once. It does so in
 * fsync, in a durable write, or in a sync_file_range that waits, even if another open file wrote
 * the data ({@link io.pollux.core.vfs.Errseq}). A file opened later reports the error only if no
 * other file has reported it. Direct I/O on the file also fails with it once, unless an fsync came
 * first. sync and syncfs do not report it.
 *
 * <p>Direct I/O bypasses the cache. It calls {@link
 * io.pollux.core.filemap.Mapping#writeAndWaitRange} before a transfer, and {@link
 * io.pollux.core.filemap.Mapping#invalidateRange} before and after a write. If nothing is cached,
 * each costs one volatile read.
 *
 * <p>Pages are written back:
 *
 * <ul>
 *   <li>by fsync, and by a write with O_DSYNC;
 *   <li>by direct I/O on the same range;
 *   <li>by a task that needs a page if none is clean;
 *   <li>by a writer, if half of all pages are dirty;
 *   <li>by the last close of a block device, and by the kernel's shutdown.
 * </ul>
 *
 * <p>No thread writes back periodically.
 *
 * <p>Lock order: the inode's iRwsem, if its filesystem takes it; a page's lock, or those of several
 * consecutive pages; the cache's own lock. A task that locks several pages waits only for the first
 * lock. The cache's lock is a leaf. It is never held across a sleep or a PageIo call, so it may be
 * taken in completion context. A task that holds a page's lock waits neither for another page's
 * lock nor for a free page.
 */
@NullMarked
package io.pollux.core.filemap;

import org.jspecify.annotations.NullMarked;
