// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import io.pollux.userland.DirEntry;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Walks the directories of an image, which may be damaged or malicious. A directory is entered
 * once, even if several names lead to it, so that a cycle ends. A directory that cannot be read is
 * reported and skipped.
 */
public final class Tree {
  private final Target target;
  private final UserFiles files;
  private final Set<Long> entered = new HashSet<>();

  /** Receives each name. */
  public interface Visitor {
    /**
     * Receives a file of any type, including a directory.
     *
     * @param path in the image
     * @param status from lstat
     */
    void visit(PathName path, FileStatus status);

    /**
     * Receives a name that cannot be read. It is skipped unless the visitor throws.
     *
     * @param path in the image
     * @param error the reason
     */
    default void unreadable(PathName path, SyscallException error) {}
  }

  /**
   * Creates a walker.
   *
   * @param target the target with the image
   * @param files the calls of a program of the target
   */
  public Tree(Target target, UserFiles files) {
    this.target = target;
    this.files = files;
  }

  /**
   * Returns the names in a directory.
   *
   * @param directory path in the image
   * @return sorted by name as bytes, with "." and ".."
   */
  public List<DirEntry> list(PathName directory) {
    int fd = files.open(target.inKernel(directory), Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
    try {
      List<DirEntry> entries = new ArrayList<>(files.readDirectory(fd));
      entries.sort((a, b) -> a.name().compareTo(b.name()));
      return entries;
    } finally {
      files.close(fd);
    }
  }

  /**
   * Walks everything below a directory, each directory before its entries. Does not visit the
   * directory itself.
   *
   * @param directory path in the image
   * @param visitor receives the names
   */
  public void walk(PathName directory, Visitor visitor) {
    Deque<PathName> pending = new ArrayDeque<>();
    pending.push(directory);
    while (!pending.isEmpty()) {
      PathName next = pending.pop();
      try {
        if (enter(next)) {
          List<PathName> below = visitAll(next, visitor);
          Collections.reverse(below);
          below.forEach(pending::push);
        }
      } catch (SyscallException e) {
        visitor.unreadable(next, e);
      }
    }
  }

  /**
   * Records that a directory is entered.
   *
   * @param directory path in the image
   * @return false if this walker has entered it before
   */
  public boolean enter(PathName directory) {
    return entered.add(files.stat(target.inKernel(directory)).ino());
  }

  /** Visits all names in a directory. Returns the subdirectories. */
  private List<PathName> visitAll(PathName directory, Visitor visitor) {
    List<PathName> below = new ArrayList<>();
    for (DirEntry entry : list(directory)) {
      if (entry.name().isDots()) {
        continue;
      }
      PathName path = directory.resolve(entry.name());
      FileStatus status;
      try {
        if (!entry.name().isPlainName()) {
          // a name that no directory can contain
          throw new SyscallException(path.toString(), Errno.EUCLEAN);
        }
        status = files.lstat(target.inKernel(path));
      } catch (SyscallException e) {
        visitor.unreadable(path, e);
        continue;
      }
      visitor.visit(path, status);
      if (status.is(StatMode.S_IFDIR)) {
        below.add(path);
      }
    }
    return below;
  }
}
