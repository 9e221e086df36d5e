// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

/** A chunk of 64 inodes, as its tree and the inodes themselves describe it. */
final class CheckChunk {
  static final int INODES = 64;

  /** Inodes that a bit of the mask of holes covers. */
  static final int HOLE_INODES = 4;

  final long ino; // the first
  final long free; // a bit for each free inode
  private final int holes;
  final byte[] types = new byte[INODES]; // the type bits of the mode; 0 if it could not be read
  final int[] nlink = new int[INODES];
  final int[] names = new int[INODES]; // entries that lead to it
  final long[] parent = new long[INODES]; // of directories: the inode of "..", 0 if unknown
  final long[] entryIn = new long[INODES]; // of directories: the directory with its name
  long reflinked; // a bit for each inode
  long unlinked; // on an unlinked list
  long chained; // with a pointer to another inode of one

  CheckChunk(long ino, int holes, long free) {
    this.ino = ino;
    this.holes = holes;
    this.free = free;
  }

  /** Whether an inode has blocks on disk. */
  boolean exists(int index) {
    return (holes >> (index / HOLE_INODES) & 1) == 0;
  }

  /** Whether an inode is in use. */
  boolean used(int index) {
    return exists(index) && (free >> index & 1) == 0;
  }

  int count() {
    return INODES - HOLE_INODES * Integer.bitCount(holes);
  }

  /** Bits of the inodes that exist. */
  long existing() {
    long bits = 0;
    for (int i = 0; i < INODES; i++) {
      bits |= exists(i) ? 1L << i : 0;
    }
    return bits;
  }

  int freeCount() {
    return Long.bitCount(free & existing());
  }
}
