// SPDX-License-Identifier: GPL-2.0-only

/**
 * The B+trees of XFS, one implementation for all: the counterpart of fs/xfs/libxfs/xfs_btree.c.
 *
 * <p>{@link io.pollux.xfs.btree.XfsBtreeType} describes a tree: its records, keys and order. {@link
 * io.pollux.xfs.btree.XfsBtreeHome} says where a tree has its root and its blocks. {@link
 * io.pollux.xfs.btree.XfsBtreeCur} searches and changes a tree in a transaction.
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li>A key in a node is the key of the first record below it. In the tree of owners it has the
 *       highest key below it as well, since records overlap there.
 *   <li>Each block except the root and the child of a root in an inode is at least half full.
 *   <li>Entries move only between blocks of the same parent. C also moves them between blocks of
 *       different parents.
 *   <li>The disk is untrusted. A block is used only if its verifier, its level and its owner are
 *       right. Levels strictly decrease on the way down, and the records of a leaf come after those
 *       of the leaf before, so every walk ends.
 * </ul>
 */
@NullMarked
package io.pollux.xfs.btree;

import org.jspecify.annotations.NullMarked;
