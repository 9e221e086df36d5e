// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.Inode;
import io.pollux.iomap.Iomap;
import io.pollux.uapi.StatMode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The visible state of a filesystem, to be compared with the state after damage. For files it has
 * the place of the data instead of the data.
 */
final class TreeSnapshot {
  private static final int MAX_DEPTH = 100;

  /** A range of the device with data of files, or unused. */
  record Range(long from, long to) {}

  /** The results read without an error, by path: stat, a directory's list, a file's mapping. */
  final Map<String, String> seen = new LinkedHashMap<>();

  /** The paths that failed with an error. */
  final Set<String> failed = new LinkedHashSet<>();

  final List<Range> data = new ArrayList<>();

  /** Reads everything. A filesystem that can't be mounted has failed at its root. */
  static TreeSnapshot of(BlockDevice device) {
    TreeSnapshot snapshot = new TreeSnapshot();
    try (MountedTree tree = new MountedTree(device, "ro")) {
      snapshot.visit(tree, "/", tree.sb.root(), 0);
    } catch (ErrnoException e) {
      snapshot.failed.add("/");
    }
    return snapshot;
  }

  private void visit(MountedTree tree, String path, Inode inode, int depth) {
    try {
      seen.put("stat " + path, tree.describe(path, inode));
      if (inode.isType(StatMode.S_IFREG)) {
        seen.put("map " + path, map(tree, inode));
        tree.read(path, false, 0, 1 << 16, MountedTree.sha256());
      } else if (inode.isType(StatMode.S_IFDIR) && depth < MAX_DEPTH) {
        List<MountedTree.Entry> entries = tree.list(path, 1000);
        seen.put("list " + path, entries.toString());
        entries.forEach(entry -> enter(tree, path, entry, depth));
      }
    } catch (ErrnoException e) {
      failed.add(path);
    }
  }

  private void enter(MountedTree tree, String path, MountedTree.Entry entry, int depth) {
    if (!entry.name().equals(".") && !entry.name().equals("..")) {
      String child = (path.equals("/") ? "" : path) + "/" + entry.name();
      try {
        visit(tree, child, tree.find(child).inode(), depth + 1);
      } catch (ErrnoException e) {
        failed.add(child);
      }
    }
  }

  private String map(MountedTree tree, Inode inode) throws ErrnoException {
    StringBuilder text = new StringBuilder();
    Iomap map = new Iomap();
    for (long pos = 0; pos < inode.size(); pos = map.offset() + map.length()) {
      int result = XfsIomap.OPS.iomapBegin(tree.current, inode, pos, 1, 0, map);
      if (result != 0) {
        throw new ErrnoException(-result);
      }
      if (map.offset() > pos || map.offset() + map.length() <= pos) {
        throw new AssertionError("an extent that does not cover " + pos);
      }
      text.append(map.type())
          .append(' ')
          .append(map.offset())
          .append(' ')
          .append(map.addr())
          .append('\n');
      if (map.type() != Iomap.Type.HOLE) {
        data.add(new Range(map.addr(), map.addr() + map.length()));
      }
    }
    return text.toString();
  }

  /** What this one saw without an error, and yet otherwise than when all was well. */
  List<String> wrong(TreeSnapshot good) {
    List<String> wrong = new ArrayList<>();
    seen.forEach(
        (what, value) -> {
          if (!value.equals(good.seen.get(what))) {
            wrong.add(what);
          }
        });
    if (failed.isEmpty() && seen.size() != good.seen.size()) {
      wrong.add("something is missing without an error");
    }
    return wrong;
  }
}
