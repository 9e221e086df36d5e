// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.host.HostDirectory;
import io.pollux.tools.host.HostFailure;
import io.pollux.tools.host.HostNode;
import io.pollux.tools.host.HostOutput;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.Set;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The copy of a file while it is written. The first piece opens it, so that an unreadable source
 * leaves no copy. A copy that fails later keeps what was written, as in GNU cp.
 */
final class CopiedFile implements FileReader.Sink, AutoCloseable {
  private static final long PIECE = 256L << 20; // zeroes written between two checks for Control-C

  private final HostDirectory directory;
  private final PathName name;
  private final boolean follow;
  private final Guard guard;
  private final LongConsumer moved;
  private @Nullable HostOutput output;

  /**
   * Creates a copy that has not started.
   *
   * @param directory parent directory of the copy
   * @param name its name there
   * @param follow whether the name may be a symlink, a pipe or a device
   * @param guard rejects files that must not be overwritten
   * @param moved receives the number of bytes copied
   */
  CopiedFile(
      HostDirectory directory, PathName name, boolean follow, Guard guard, LongConsumer moved) {
    this.directory = directory;
    this.name = name;
    this.follow = follow;
    this.guard = guard;
    this.moved = moved;
  }

  /**
   * Files that a copy must not overwrite: the image itself, and other copies of the same command.
   */
  static final class Guard {
    private final @Nullable FileStatus image;
    private final boolean several;
    private final Set<FileId> made = new HashSet<>();

    private record FileId(long dev, long ino) {}

    /**
     * Creates a guard.
     *
     * @param image the image's own file, if it has one
     * @param several whether two copies can have the same name
     */
    Guard(@Nullable FileStatus image, boolean several) {
      this.image = image;
      this.several = several;
    }

    /** Rejects an existing file that must not be overwritten. */
    void check(FileStatus there) throws HostFailure {
      if (image != null && isImage(image, there)) {
        throw new HostFailure(Errno.EBUSY, "is the image that is copied from");
      }
      if (made.contains(new FileId(there.dev(), there.ino()))) {
        throw new HostFailure(
            Errno.EEXIST, "was just copied from another path of this name, and is not overwritten");
      }
    }

    private static boolean isImage(FileStatus image, FileStatus there) {
      boolean device =
          image.is(StatMode.S_IFBLK) && there.is(StatMode.S_IFBLK) && image.rdev() == there.rdev();
      return device || (image.dev() == there.dev() && image.ino() == there.ino());
    }

    /** Records a copy. */
    void made(FileStatus copy) {
      if (several) {
        made.add(new FileId(copy.dev(), copy.ino()));
      }
    }
  }

  private HostOutput output() throws HostFailure {
    HostOutput open = output;
    if (open == null) {
      open = open();
      output = open;
      FileStatus status = open.status();
      guard.check(status);
      if (!follow && !status.is(StatMode.S_IFREG)) {
        throw new HostFailure(
            Errno.EINVAL, "is a " + FileModes.type(status.mode()) + ", which is not written to");
      }
      open.clear();
      if (status.is(StatMode.S_IFREG)) {
        guard.made(status);
      }
    }
    return open;
  }

  private HostOutput open() throws HostFailure {
    FileStatus there = directory.status(name, false);
    boolean symlink = there != null && there.is(StatMode.S_IFLNK);
    if (symlink && (!follow || directory.status(name, true) == null)) {
      throw new HostFailure(
          Errno.ELOOP,
          "is a symlink" + (follow ? " to nothing" : "") + ", which is not written through");
    }
    return directory.create(name, follow);
  }

  @Override
  public void data(MemorySegment piece) throws HostFailure {
    output().write(piece);
    moved.accept(piece.byteSize());
  }

  @Override
  public void hole(long bytes) throws HostFailure {
    HostOutput to = output();
    if (to.status().is(StatMode.S_IFREG)) {
      to.hole(bytes);
      moved.accept(bytes);
      return;
    }
    for (long left = bytes; left > 0; left -= Math.min(left, PIECE)) {
      to.hole(Math.min(left, PIECE));
      moved.accept(Math.min(left, PIECE));
    }
  }

  /** Sets the file's length at the end of the copy. */
  void finish() throws HostFailure {
    output().finish();
  }

  /** Whether the copy is a regular file. */
  boolean isRegular() throws HostFailure {
    return output().status().is(StatMode.S_IFREG);
  }

  /** Returns the copy, for its owner, mode and times. */
  HostNode node() throws HostFailure {
    return output().node();
  }

  @Override
  public void close() throws HostFailure {
    HostOutput open = output;
    if (open != null) {
      open.close();
    }
  }
}
