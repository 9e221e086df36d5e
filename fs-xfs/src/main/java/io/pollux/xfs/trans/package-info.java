// SPDX-License-Identifier: GPL-2.0-only

/**
 * Transactions: the counterpart of fs/xfs/xfs_trans.c. Every change of metadata is made in one.
 *
 * <pre>{@code
 * try (XfsTrans tp = mount.begin(current, blocks)) { // may throw ENOSPC
 *   TransBuf agf = tp.read(position, length, ops, what); // joined
 *   agf.edit().put32(at, value); // a private copy
 *   tp.modFdblocks(-1);
 *   tp.commit();
 * } // without commit: cancelled, as if it had never begun
 * }</pre>
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li><b>One transaction at a time.</b> {@code begin} takes the mount's transaction lock, which
 *       {@code commit} or {@code cancel} releases. So a transaction locks no buffer and no inode
 *       until its end, and no order among them is needed.
 *   <li><b>All or nothing.</b> Changes are made in private copies: of buffers in {@link
 *       io.pollux.xfs.trans.TransBuf}, of all else in a {@link io.pollux.xfs.trans.XfsTransItem}.
 *       No other reader sees them before the commit. A cancelled transaction leaves no trace,
 *       whatever it has changed, so any step may fail with any error.
 *   <li><b>Inside a transaction, read through it.</b> {@code TransBuf.data()} has the changes made
 *       so far. Other readers see the contents of the last commit, without a lock. A reader that
 *       needs several blocks of one state holds what keeps their writers away, such as the iRwsem
 *       of a directory.
 *   <li><b>What can fail comes before the first change.</b> A commit prepares its items, and makes
 *       space in the log. Then it publishes the buffers, which become dirty and pinned, and drops
 *       those of freed blocks.
 *   <li><b>Commits reach the disk through the log</b> ({@link io.pollux.xfs.log}). A published
 *       buffer is pinned until the log has its changes, and is written to its place after that.
 *   <li><b>A commit has a number</b>, and {@code force} makes all commits up to a number durable.
 *   <li><b>Freed blocks are busy</b> until the commit that freed them is durable. A transaction
 *       that writes data to busy blocks, or creates a buffer in a block that the same checkpoint
 *       frees, forces the log first.
 *   <li><b>A change has at most a quarter of the log</b>, otherwise its commit is ENOSPC. So an
 *       operation of any size is split into transactions that each leave a consistent filesystem.
 * </ul>
 *
 * <p>Locks: the transaction lock comes after every iRwsem and page lock, and before the locks of
 * extents, checkpoints and buffers. A task that holds it must not write file data, wait for direct
 * I/O, or drop the last reference of an inode. Context: process context; begin, read and commit may
 * sleep.
 */
@NullMarked
package io.pollux.xfs.trans;

import org.jspecify.annotations.NullMarked;
