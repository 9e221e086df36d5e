// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.host.HostDirectory;
import io.pollux.tools.host.HostFailure;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A directory that is being copied: source, copy, and the names still to copy. Its descriptors may
 * be closed while directories far below are copied, and are reopened on the way up.
 */
final class CopyLevel implements AutoCloseable {
  private static final int OPEN_LEVELS = 64; // nested directories whose descriptors stay open

  private static final PathName PARENT = PathName.of("..");
  private static final int DIRECTORY = Fcntl.O_RDONLY | Fcntl.O_DIRECTORY | Fcntl.O_NOFOLLOW;

  private final UserFiles files;
  private final @Nullable CopyLevel parent;
  private final PathName imageName;
  private final PathName hostName;
  private final FileStatus status;
  private final Iterator<PathName> entries;
  private final long imageIno;
  private final long hostDev;
  private final long hostIno;
  private int image;
  private @Nullable HostDirectory host;

  private CopyLevel(
      UserFiles files,
      @Nullable CopyLevel parent,
      PathName imageName,
      PathName hostName,
      FileStatus status,
      List<PathName> entries,
      int image,
      long imageIno,
      HostDirectory host,
      FileStatus hostStatus) {
    this.files = files;
    this.parent = parent;
    this.imageName = imageName;
    this.hostName = hostName;
    this.status = status;
    this.entries = entries.iterator();
    this.image = image;
    this.imageIno = imageIno;
    this.host = host;
    hostDev = hostStatus.dev();
    hostIno = hostStatus.ino();
  }

  /**
   * Starts a directory of the image that is copied out.
   *
   * @param files the calls on the image
   * @param parent its parent, or null if the user gave its path
   * @param imageName its name there, or that path
   * @param image its descriptor, owned by the level even if this fails
   * @param hostName its name on the host, or its path there
   * @param host the copy, owned by the level even if this fails
   */
  static CopyLevel begin(
      UserFiles files,
      @Nullable CopyLevel parent,
      PathName imageName,
      int image,
      PathName hostName,
      HostDirectory host)
      throws HostFailure {
    return begin(files, parent, imageName, image, hostName, host, false);
  }

  /** As {@link #begin}, for a directory of the host that is copied into the image. */
  static CopyLevel beginInto(
      UserFiles files,
      @Nullable CopyLevel parent,
      PathName imageName,
      int image,
      PathName hostName,
      HostDirectory host)
      throws HostFailure {
    return begin(files, parent, imageName, image, hostName, host, true);
  }

  private static CopyLevel begin(
      UserFiles files,
      @Nullable CopyLevel parent,
      PathName imageName,
      int image,
      PathName hostName,
      HostDirectory host,
      boolean into)
      throws HostFailure {
    try {
      FileStatus there = files.fstat(image);
      FileStatus here = host.node().status();
      List<PathName> names = into ? host.names() : names(files, image);
      names.sort(null);
      FileStatus status = into ? here : there;
      return new CopyLevel(
          files, parent, imageName, hostName, status, names, image, there.ino(), host, here);
    } catch (SyscallException | HostFailure e) {
      try (host) {
        files.close(image);
      }
      throw e;
    }
  }

  private static List<PathName> names(UserFiles files, int directory) {
    List<PathName> names = new ArrayList<>();
    files.readDirectory(directory).forEach(entry -> names.add(entry.name()));
    names.removeIf(PathName::isDots);
    return names;
  }

  @Nullable CopyLevel parent() {
    return parent;
  }

  /** The status of the directory that is copied. */
  FileStatus status() {
    return status;
  }

  /** Returns the next name, or null if there are no more. */
  @Nullable PathName next() {
    return entries.hasNext() ? entries.next() : null;
  }

  int image() {
    assert host != null : "asleep";
    return image;
  }

  HostDirectory host() {
    HostDirectory open = host;
    assert open != null : "asleep";
    return open;
  }

  /** Returns the path in the image of a name in this directory. */
  PathName imagePath(PathName name) {
    Deque<PathName> names = new ArrayDeque<>();
    names.push(name);
    for (CopyLevel level = this; level != null; level = level.parent) {
      names.push(level.imageName);
    }
    return PathName.join(names);
  }

  /** Returns the path on the host of a name in this directory. */
  PathName hostPath(PathName name) {
    Deque<PathName> names = new ArrayDeque<>();
    names.push(name);
    for (CopyLevel level = this; level != null; level = level.parent) {
      names.push(level.hostName);
    }
    return PathName.join(names);
  }

  /** Returns the path of this directory in the image. */
  PathName imagePath() {
    return parent == null ? imageName : parent.imagePath(imageName);
  }

  /** Returns the path of this directory on the host. */
  PathName hostPath() {
    return parent == null ? hostName : parent.hostPath(hostName);
  }

  /** Opens a subdirectory in the image. */
  int openImage(PathName name) {
    return files.openat(image(), name, DIRECTORY);
  }

  /** Reopens both directories from an open level below. If that fails, both stay closed. */
  void wake(CopyLevel below) throws HostFailure {
    if (host != null) {
      return;
    }
    int up = files.openat(below.image(), PARENT, DIRECTORY);
    try {
      if (files.fstat(up).ino() != imageIno) {
        throw new SyscallException("..", Errno.EUCLEAN);
      }
      host = hostParent(below.host());
      image = up;
    } finally {
      if (host == null) {
        files.close(up);
      }
    }
  }

  /** Opens the parent of a directory, which must be this level's. */
  private HostDirectory hostParent(HostDirectory below) throws HostFailure {
    HostDirectory up = below.parent();
    boolean same = false;
    try {
      FileStatus now = up.node().status();
      same = now.dev() == hostDev && now.ino() == hostIno;
      if (!same) {
        throw new HostFailure(Errno.ENOENT, "was moved elsewhere while it was copied to");
      }
      return up;
    } finally {
      if (!same) {
        up.close();
      }
    }
  }

  /**
   * Closes the level that exceeds the limit of open levels.
   *
   * @param level the innermost level
   * @param depth how many levels there are
   */
  static void sleep(CopyLevel level, int depth) throws HostFailure {
    if (depth <= OPEN_LEVELS) {
      return;
    }
    CopyLevel above = level;
    for (int i = 0; i < OPEN_LEVELS; i++) {
      CopyLevel next = above.parent;
      if (next == null) {
        throw new AssertionError("a level deeper than its depth");
      }
      above = next;
    }
    above.close();
  }

  /** Closes the descriptors until {@link #wake}. */
  @Override
  public void close() throws HostFailure {
    HostDirectory open = host;
    if (open != null) {
      host = null;
      try (open) {
        files.close(image);
      }
    }
  }
}
