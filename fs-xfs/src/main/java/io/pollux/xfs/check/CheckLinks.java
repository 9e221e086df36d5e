// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import io.pollux.uapi.LinuxSource;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Compares link counts with names, and finds what no path from the root leads to. */
@LinuxSource(
    file = "repair/phase7.c",
    name = {"phase7", "check_for_orphaned_inodes"})
final class CheckLinks {
  private static final int DIRECTORY = 4;

  private final CheckReport report;
  private final CheckInodeTrees trees;
  private final long root;
  private final Set<Long> nameless; // inodes that the superblock names

  CheckLinks(CheckReport report, CheckInodeTrees trees, long root, Set<Long> nameless) {
    this.report = report;
    this.trees = trees;
    this.root = root;
    this.nameless = nameless;
  }

  void check() {
    Map<Long, Integer> subdirs = new HashMap<>();
    forEach(
        (chunk, i) -> {
          if (chunk.types[i] == DIRECTORY && chunk.entryIn[i] != 0) {
            subdirs.merge(chunk.entryIn[i], 1, Integer::sum);
          }
        });
    Set<Long> reached = new HashSet<>();
    reached.add(root);
    forEach(
        (chunk, i) -> {
          if (chunk.types[i] == DIRECTORY) {
            directory(chunk, i, subdirs, reached);
          } else if (chunk.types[i] != 0) {
            file(chunk, i);
          }
        });
  }

  private interface Visitor {
    void visit(CheckChunk chunk, int index);
  }

  private void forEach(Visitor visitor) {
    for (CheckChunk chunk : trees.chunks().values()) {
      for (int i = 0; i < CheckChunk.INODES; i++) {
        if (chunk.used(i)) {
          visitor.visit(chunk, i);
        }
      }
    }
  }

  private static boolean onList(CheckChunk chunk, int i) {
    return (chunk.unlinked >> i & 1) != 0;
  }

  private void file(CheckChunk chunk, int i) {
    long ino = chunk.ino + i;
    String what = "inode " + ino;
    if (nameless.contains(ino)) {
      report.require(chunk.names[i] == 0, what, "is the superblock's, and has a name");
      return;
    }
    if (onList(chunk, i)) {
      report.require(chunk.nlink[i] == 0, what, "is on an unlinked list, and has links");
    } else {
      report.require(chunk.names[i] > 0, what, "is in use, and has no name");
    }
    if (chunk.names[i] > 0 || onList(chunk, i)) {
      report.equal(chunk.nlink[i] & 0xffff_ffffL, chunk.names[i], what, "the link count");
    }
  }

  private void directory(CheckChunk chunk, int i, Map<Long, Integer> subdirs, Set<Long> reached) {
    long ino = chunk.ino + i;
    String what = "directory " + ino;
    if (onList(chunk, i)) {
      report.require(
          chunk.nlink[i] == 0 && chunk.names[i] == 0,
          what,
          "is on an unlinked list, and has links or a name");
      return;
    }
    report.equal(
        chunk.nlink[i] & 0xffff_ffffL, 2 + subdirs.getOrDefault(ino, 0), what, "the link count");
    long above = ino == root ? root : chunk.entryIn[i];
    if (above == 0) {
      report.add(what + ": is in use, and has no name");
      return;
    }
    if (chunk.parent[i] != 0 && chunk.parent[i] != above) {
      report.add(
          what + ": '..' leads to inode " + chunk.parent[i] + ", and its name is in " + above);
    }
    if (!leadsToRoot(ino, reached)) {
      report.add(what + ": no path from the root leads to it");
    }
  }

  /** Climbs by the names; each directory is climbed through once. */
  private boolean leadsToRoot(long from, Set<Long> reached) {
    Set<Long> climbed = new HashSet<>();
    long at = from;
    while (!reached.contains(at)) { // ends: a second visit returns
      if (!climbed.add(at)) {
        return false;
      }
      CheckChunk chunk = trees.chunkOf(at);
      at = chunk == null ? 0 : chunk.entryIn[(int) (at - chunk.ino)];
      if (at == 0) {
        return true; // the topmost is reported itself
      }
    }
    reached.addAll(climbed);
    return true;
  }
}
