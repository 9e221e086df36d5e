// SPDX-License-Identifier: GPL-2.0-only

/**
 * The contents of the allocation groups: free extents, free lists, owners, reference counts,
 * inodes.
 *
 * <p>{@link io.pollux.xfs.ag.XfsAlloc} allocates and frees blocks. {@link io.pollux.xfs.ag.XfsRmap}
 * records the owner of each block. {@link io.pollux.xfs.ag.XfsRefcountTree} counts the owners of
 * shared blocks. {@link io.pollux.xfs.ag.XfsIalloc} allocates and frees inodes, and {@link
 * io.pollux.xfs.ag.XfsIunlink} lists those that have lost their name.
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li>All state is in the blocks of the disk. {@link io.pollux.xfs.ag.XfsAlloc#reserved} is the
 *       one exception; it changes at the commit.
 *   <li>The two trees of free space have the same extents, and no two of them touch.
 *   <li>The trees of free space and of owners get their blocks from the free list of the group.
 *       Before each change the list is filled with what the change may need at most. So a change
 *       does not need free space in the middle of itself.
 *   <li>The blocks of the other trees of a group are allocated in that group like data. Enough of
 *       each group is set aside for them ({@code AgResv}).
 * </ul>
 *
 * <p>An {@code agbno} is a block number relative to its group; an {@code fsb} has the group.
 */
@NullMarked
package io.pollux.xfs.ag;

import org.jspecify.annotations.NullMarked;
