// SPDX-License-Identifier: GPL-2.0-only

/**
 * The log: how commits get into it, its format on the disk, and its recovery. The counterpart of
 * fs/xfs/xfs_log.c, xfs_log_cil.c and xfs_log_recover.c.
 *
 * <p>A commit goes this way:
 *
 * <ol>
 *   <li>A transaction publishes its buffers and adds them to {@code XfsCil}. There they gather in a
 *       checkpoint, {@code CilContext}, with what changed of each, {@code CilItem}. They are
 *       pinned: nothing writes them to their places.
 *   <li>fsync, sync, or the size of the checkpoint makes a task push it: {@code XlogWriter} writes
 *       it to the head as records, through {@code Xlog}. Transactions that commit meanwhile gather
 *       in the next checkpoint.
 *   <li>When the last record is durable, the buffers are unpinned. {@code XfsAil} has the position
 *       of the oldest checkpoint whose changes are not in their places: the tail.
 *   <li>Buffers are written to their places when the log fills, and at freeze and unmount. The
 *       space of the log before the tail is free then.
 * </ol>
 *
 * <p>Pollux writes items of buffers and of inodes, and no intents: an operation is one transaction,
 * or several of which each leaves the filesystem consistent.
 *
 * <p>The log is a ring of basic blocks of 512 bytes. Each pass over the ring is a cycle. A position
 * in it, an LSN, is the cycle in the high 32 bits and the block in the low ones, so a later
 * position is a larger number. A record is a header of one or more blocks and a body. The first
 * word of each block is replaced by the cycle, or by a magic number in the first block of a record,
 * and the replaced words are in the header. So the head, where the next record goes, is where the
 * cycle drops.
 *
 * <p>A body is a sequence of operations. Each has a header of 12 bytes with the number of its
 * transaction, and a region of bytes. A region may continue in the next record. The first region of
 * a transaction is its header, and the others are grouped in items. The first region of an item has
 * its type and the number of its regions. A transaction counts if its commit operation is in the
 * log.
 *
 * <ul>
 *   <li>{@code XlogDevice} reads and writes blocks, across the end of the ring.
 *   <li>{@code XlogRecord} is a record, {@code XlogReader} reads and checks it.
 *   <li>{@code XlogFind} finds the head and the tail.
 *   <li>{@code XlogTransactions} assembles transactions from operations.
 *   <li>{@code XlogReplay} applies the items of transactions, with {@code ReplayBuffers}, {@code
 *       ReplayBuf}, {@code ReplayInode} and {@code ReplayIcreate}. {@code XlogIntents} collects the
 *       intents that have no done item.
 *   <li>{@code XlogTailWriter} overwrites what a torn write left in front of the head.
 *   <li>{@code XlogRecovery} runs all of these in order.
 * </ul>
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li>The log's contents are untrusted. Each number is checked before use, and a failed check is
 *       EUCLEAN with a sentence. All loops are bounded by the size of the log.
 *   <li>A record with a bad checksum among the last 8 in front of the head is a torn write: the
 *       head moves back to it. Any other is damage.
 *   <li>Nothing is written before all transactions were read once. That pass collects cancelled
 *       buffers and intents, and refuses unsupported items.
 *   <li>A block is replayed if its LSN on the disk is older than the transaction. It is written
 *       with the LSN of the transaction, after all changes of equal LSN were applied. So an
 *       interrupted recovery can be repeated from its beginning.
 *   <li>A buffer is written to its place only after the log has all of its changes, and a flush.
 *   <li>A commit makes space in the log before it publishes a change. The transaction lock keeps
 *       other commits from taking that space.
 *   <li>At most 3/4 of the log is in use, so a torn record never reaches the tail.
 *   <li>Freed blocks get no new data before the checkpoint that frees them is durable.
 * </ul>
 *
 * <p>A directory block in several extents is one item for each extent. The log has no list of the
 * extents, and the checksum covers all of them. So a change of such a block logs the checksum, too,
 * and recovery takes the pieces as they are. Those of Linux can't be recovered. The log is
 * internal.
 *
 * <p>This package depends on formats and buffers only. The types of blocks come from the mount
 * through {@code XlogTypes}. The mount finishes the intents, because they need transactions.
 */
@NullMarked
package io.pollux.xfs.log;

import org.jspecify.annotations.NullMarked;
