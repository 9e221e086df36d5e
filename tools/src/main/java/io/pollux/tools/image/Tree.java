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
 * Walks over the names in an image. An image may be damaged or made to harm: a directory is entered once, whatever
 * leads to it, so that a circle ends; and one that cannot be read is told about and passed over.
 */
public final class Tree {
  private final Target target;
  private final UserFiles files;
  private final Set<Long> entered = new HashSet<>();

  /** Is told of each name. */
  public interface Visitor {
    /**
     * A file of any type, directories included.
     *
     * @param path in the image
     * @param status what lstat says
     */
    void visit(PathName path, FileStatus status);

    /**
     * A name that cannot be looked at. Passed over unless the visitor throws.
     *
     * @param path in the image
     * @param error why
     */
    default void unreadable(PathName path, SyscallException error) {}
  }

  /**
   * Makes a walker.
   *
   * @param target what has the image
   * @param files the calls of a program of it
   */
  public Tree(Target target, UserFiles files) {
    this.target = target;
    this.files = files;
  }

  /**
   * The names in a directory.
   *
   * @param directory path in the image
   * @return sorted by name as bytes, with dots
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
   * Walks over everything below a directory, a directory before what is in it. The directory itself is not
   * visited.
   *
   * @param directory path in the image
   * @param visitor is told
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
   * Whether a directory is entered for the first time.
   *
   * @param directory path in the image
   * @return false if this walker was there before
   */
  public boolean enter(PathName directory) {
    return entered.add(files.stat(target.inKernel(directory)).ino());
  }

  /** Tells of all names in a directory; answers the directories among them. */
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
          throw new SyscallException(path.toString(), Errno.EUCLEAN); // a name that no directory can hold
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
