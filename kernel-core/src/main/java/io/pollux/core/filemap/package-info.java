// SPDX-License-Identifier: GPL-2.0-only

/**
 * The page cache: the counterpart of mm/filemap.c and of the part of mm/page-writeback.c that it needs.
 *
 * <p>A {@link io.pollux.core.filemap.PageCache} is a fixed number of pages that the files of one device share.
 * Each file that is cached has a {@link io.pollux.core.filemap.Mapping}, which says which of these pages are
 * its own; the floor above brings the data in and out through a {@link io.pollux.core.filemap.PageIo}. {@link
 * io.pollux.core.filemap.Filemap} reads and writes files through it.
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li>A page that is in a mapping is uptodate, or it is locked by somebody who is making it so.
 *   <li>Who fills, changes or writes back a page holds its lock. Who reads an uptodate page does not: a read that
 *       meets a write sees some of each, as in Linux.
 *   <li>A page is dirty from the moment that a writer lets go of it until its data is on the device, or until
 *       writing it failed; then the mapping keeps the error.
 *   <li>A page is given to another place only when it is clean, not locked, and nobody copies from it.
 * </ul>
 *
 * <p>Errors of write-back, as in Linux 4.20: every open file reports an error once, by fsync, by a durable write or by a
 * sync_file_range that waits, whichever file's data it was ({@link io.pollux.core.filemap.Errseq}). A file that is opened
 * later reports it only if no file has. Besides, direct I/O on the file fails with it once, unless an fsync came first. sync
 * and syncfs do not report it.
 *
 * <p>Direct I/O goes past all this, so it calls the mapping on its way: {@link
 * io.pollux.core.filemap.Mapping#writeAndWaitRange} before, and {@link
 * io.pollux.core.filemap.Mapping#invalidateRange} before and after a write. When nothing is cached both cost a
 * volatile read.
 *
 * <p>Who writes back: fsync, a write with O_DSYNC, direct I/O on the same range, whoever needs a page when none is
 * clean, a writer who made half of all pages dirty, the last close of a block device, and the kernel when it shuts
 * down. There is no thread that does it after a time.
 *
 * <p>Lock order: the inode's iRwsem, if its filesystem takes it; the lock of one page, or of several that follow
 * each other, of which only the first was waited for; the cache's own lock, which is a leaf, is never held while
 * anything sleeps or a PageIo is called, and is therefore good in completion context. Nobody waits for a page's lock
 * while he holds another's, and nobody waits for a free page while he holds one.
 */
@NullMarked
package io.pollux.core.filemap;

import org.jspecify.annotations.NullMarked;
