// SPDX-License-Identifier: GPL-2.0-only

/**
 * Cross-checks a filesystem without changing it, as xfs_repair -n does. {@link
 * io.pollux.xfs.check.XfsCheck} is the entry.
 *
 * <ol>
 *   <li>{@code CheckInodeTrees} reads the inode trees of each group, which say what inodes exist.
 *   <li>{@code CheckInode} reads each inode, its extents and attributes, and records the owners of
 *       blocks as {@code CheckClaims}.
 *   <li>{@code CheckDir} reads each directory; {@code CheckLinks} compares names and link counts.
 *   <li>{@code CheckSpace} compares the claims of each group with its free space, its owners and
 *       its reference counts.
 * </ol>
 *
 * <p>Invariants: nothing read is trusted, and each walk visits a block once. Damage is a sentence
 * in {@code CheckReport}; the check then goes on with what does not depend on the damaged part.
 * Memory grows with the numbers of extents and inodes, not with blocks.
 */
@NullMarked
package io.pollux.xfs.check;

import org.jspecify.annotations.NullMarked;
