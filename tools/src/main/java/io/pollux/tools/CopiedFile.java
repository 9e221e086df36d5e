// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.host.HostDirectory;
import io.pollux.tools.host.HostFailure;
import io.pollux.tools.host.HostNode;
import io.pollux.tools.host.HostOutput;
import io.pollux.tools.user.FileStatus;
import io.pollux.tools.user.PathName;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.Set;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The copy of a file while it is written. It is opened with the first piece, so that what cannot be read leaves nothing
 * behind; what breaks off later leaves what was written, as GNU cp does.
 */
final class CopiedFile implements FileReader.Sink, AutoCloseable {
  private static final long PIECE = 256L << 20; // of a hole that is written as zeroes, between two looks at whether to go on

  private final HostDirectory directory;
  private final PathName name;
  private final boolean follow;
  private final Guard guard;
  private final LongConsumer moved;
  private @Nullable HostOutput output;

  /**
   * A copy that has not begun.
   *
   * @param directory what it goes into
   * @param name its name there
   * @param follow whether that may be a symlink, a pipe or a device
   * @param guard says what must not be overwritten
   * @param moved is told of bytes that are done
   */
  CopiedFile(HostDirectory directory, PathName name, boolean follow, Guard guard, LongConsumer moved) {
    this.directory = directory;
    this.name = name;
    this.follow = follow;
    this.guard = guard;
    this.moved = moved;
  }

  /** What a copy must not overwrite: the image that is read, and other copies of the same command. */
  static final class Guard {
    private final @Nullable FileStatus image;
    private final boolean several;
    private final Set<FileId> made = new HashSet<>();

    private record FileId(long dev, long ino) {}

    /**
     * Begins.
     *
     * @param image the image's own file, if it has one
     * @param several whether there can be two copies of the same name
     */
    Guard(@Nullable FileStatus image, boolean several) {
      this.image = image;
      this.several = several;
    }

    /** Refuses what is there already and must stay. */
    void check(FileStatus there) throws HostFailure {
      if (image != null && isImage(image, there)) {
        throw new HostFailure(Errno.EBUSY, "is the image that is copied from");
      }
      if (made.contains(new FileId(there.dev(), there.ino()))) {
        throw new HostFailure(Errno.EEXIST, "was just copied from another path of this name, and is not overwritten");
      }
    }

    private static boolean isImage(FileStatus image, FileStatus there) {
      boolean device = image.is(StatMode.S_IFBLK) && there.is(StatMode.S_IFBLK) && image.rdev() == there.rdev();
      return device || (image.dev() == there.dev() && image.ino() == there.ino());
    }

    /** Remembers a copy. */
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
        throw new HostFailure(Errno.EINVAL, "is a " + FileModes.type(status.mode()) + ", which is not written to");
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
      throw new HostFailure(Errno.ELOOP, "is a symlink" + (follow ? " to nothing" : "") + ", which is not written through");
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

  /** All is written. */
  void finish() throws HostFailure {
    output().finish();
  }

  /** Whether it is a file and no pipe or device. */
  boolean isRegular() throws HostFailure {
    return output().status().is(StatMode.S_IFREG);
  }

  /** The copy, for its owner, mode and times. */
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
