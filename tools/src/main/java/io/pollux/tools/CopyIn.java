// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Failure;
import io.pollux.tools.host.HostDirectory;
import io.pollux.tools.host.HostFailure;
import io.pollux.tools.host.HostFiles;
import io.pollux.tools.host.HostInput;
import io.pollux.tools.image.DataRuns;
import io.pollux.tools.image.Target;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserChanges;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Copies from the host into the image, as GNU cp does with --preserve=mode,ownership,timestamps
 * --sparse=always. Calls in the image are those of root.
 */
final class CopyIn implements AutoCloseable {
  private static final int PIECE = 1 << 20;
  private static final int OWN = 0700;

  private final Target target;
  private final UserFiles files;
  private final UserChanges changes;
  private final UserMemory buffer;
  private final PathWork work;
  private final CopyProgress progress;
  private final boolean recursive;
  private final HostFiles machine = new HostFiles();
  private final HostDirectory here = machine.workingDirectory();
  private final @Nullable FileStatus own;
  private final boolean several;
  private final Set<Long> made = new HashSet<>(); // inodes in the image, if several paths are given
  private volatile boolean stopped;

  /**
   * Creates a copier.
   *
   * @param image the host's file of the image, which is not copied; null if the image has none
   * @param several whether several paths are copied; none may replace another's copy
   */
  CopyIn(
      Target target,
      UserFiles files,
      PathWork work,
      CopyProgress progress,
      boolean recursive,
      @Nullable PathName image,
      boolean several) {
    this.target = target;
    this.files = files;
    this.work = work;
    this.progress = progress;
    this.recursive = recursive;
    this.several = several;
    changes = new UserChanges(target.program());
    buffer = UserMemory.map(target.program(), PIECE);
    try {
      own = image == null ? null : here.status(image, true);
    } catch (HostFailure e) {
      throw Failure.couldNotRun(String.valueOf(image), String.valueOf(e.getMessage()), e);
    }
  }

  /** Cancels the copy. From any thread. */
  void stop() {
    stopped = true;
  }

  private void goOn() {
    if (stopped) {
      progress.clear();
      throw Failure.fault("cp", "interrupted; copied " + progress.soFar());
    }
  }

  /** Whether the path is a directory in the image or a symlink to one. */
  boolean isDirectory(PathName path) {
    FileStatus status = there(Fcntl.AT_FDCWD, target.inKernel(path), true);
    return status != null && status.is(StatMode.S_IFDIR);
  }

  /** The status of a file in the image, or null if there is none. */
  private @Nullable FileStatus there(int directory, PathName name, boolean follow) {
    try {
      return follow ? files.stat(name) : files.lstatat(directory, name);
    } catch (SyscallException e) {
      if (e.errno() == Errno.ENOENT) {
        return null;
      }
      throw e;
    }
  }

  /** An item to copy: an entry of a directory being copied, or a path that the user gave. */
  private final class Item {
    private final @Nullable CopyLevel level;
    private final PathName host; // a name in the level, or a path on the host
    private final PathName copy; // a name in the level, or a path in the image
    private final boolean follow; // whether the copy may be an existing symlink

    Item(@Nullable CopyLevel level, PathName host, PathName copy, boolean follow) {
      this.level = level;
      this.host = host;
      this.copy = copy;
      this.follow = follow;
    }

    String imagePath() {
      return (level == null ? copy : level.imagePath(copy)).toString();
    }

    String hostPath() {
      return (level == null ? host : level.hostPath(host)).toString();
    }

    HostDirectory from() {
      return level == null ? here : level.host();
    }

    int to() {
      return level == null ? Fcntl.AT_FDCWD : level.image();
    }

    PathName name() {
      return level == null ? target.inKernel(copy) : copy;
    }

    @Nullable FileStatus there() {
      return CopyIn.this.there(to(), name(), follow);
    }
  }

  /**
   * Copies a path that the user gave. Without -r it follows a symlink; with -r it copies the
   * symlink.
   *
   * @param from path on the host
   * @param to path in the image
   * @param into whether that is a directory to copy into
   */
  void copy(PathName from, PathName to, boolean into) {
    goOn();
    PathName name = from.fileName();
    // the root, . and .. have no name: their contents are copied
    boolean inside = into && name.isPlainName();
    Item item = new Item(null, from, inside ? to.resolve(name) : to, !inside);
    guarded(item, () -> given(item));
  }

  private void given(Item item) throws IOException {
    FileStatus status = here.status(item.host, !recursive);
    if (status == null) {
      work.failed(item.hostPath(), Errno.ENOENT);
    } else if (status.is(StatMode.S_IFDIR) && !recursive) {
      work.failed(item.hostPath(), "is a directory (-r copies it)");
    } else if (status.is(StatMode.S_IFDIR)) {
      tree(item);
    } else if (status.is(StatMode.S_IFREG)) {
      file(item);
    } else if (!recursive) {
      work.failed(
          item.hostPath(), "is a " + FileModes.type(status.mode()) + " (-r copies it as one)");
    } else {
      special(item, status);
    }
  }

  /** An action that the host or the image may refuse. */
  @FunctionalInterface
  private interface Step {
    void run() throws IOException;
  }

  private void guarded(Item item, Step step) {
    try {
      step.run();
    } catch (SyscallException e) {
      if (e.errno() == Errno.ENOSPC || e.errno() == Errno.EFBIG) {
        work.worked(); // it ran until then
      }
      work.failed(item.imagePath(), e.errno());
    } catch (IOException e) {
      work.failed(item.hostPath(), String.valueOf(e.getMessage()));
    }
  }

  /** Copies a directory tree without recursion, because it may be deep. */
  private void tree(Item top) throws IOException {
    CopyLevel level = descend(top);
    int depth = 1;
    try {
      while (level != null) {
        goOn();
        PathName name = level.next();
        if (name == null) {
          level = ascend(level);
          depth--;
          continue;
        }
        CopyLevel below = entry(new Item(level, name, name, false));
        if (below != null) {
          level = below;
          depth++;
          CopyLevel.sleep(level, depth);
        }
      }
    } finally {
      for (CopyLevel left = level; left != null; left = left.parent()) {
        left.close();
      }
    }
  }

  /** Copies an entry. Returns the next level if the entry is a directory, else null. */
  private @Nullable CopyLevel entry(Item item) {
    CopyLevel[] below = new CopyLevel[1];
    guarded(
        item,
        () -> {
          FileStatus status = item.from().status(item.host, false);
          if (status == null) {
            work.failed(item.hostPath(), Errno.ENOENT);
          } else if (status.is(StatMode.S_IFDIR)) {
            below[0] = descend(item);
          } else if (status.is(StatMode.S_IFREG)) {
            file(item);
          } else {
            special(item, status);
          }
        });
    return below[0];
  }

  private CopyLevel descend(Item item) throws IOException {
    HostDirectory host = item.from().open(item.host, item.level == null);
    int image;
    try {
      FileStatus there = item.there();
      if (there == null || !there.is(StatMode.S_IFDIR)) {
        changes.makeDirectory(item.to(), item.name(), OWN);
      }
      int flags = Fcntl.O_RDONLY | Fcntl.O_DIRECTORY | (item.follow ? 0 : Fcntl.O_NOFOLLOW);
      image = files.openat(item.to(), item.name(), flags);
    } catch (SyscallException e) {
      host.close();
      throw e;
    }
    return CopyLevel.beginInto(files, item.level, item.copy, image, item.host, host);
  }

  /**
   * Finishes a directory. Sets mode and times last: the mode may forbid writing, and new entries
   * change the times. Without the way back to its parent the copy of the tree ends.
   */
  private @Nullable CopyLevel ascend(CopyLevel level) throws IOException {
    CopyLevel parent = level.parent();
    try (level) {
      if (parent != null) {
        parent.wake(level);
      }
      finish(level);
    }
    return parent;
  }

  private void finish(CopyLevel level) {
    try {
      attributes(level.image(), level.status());
      work.worked();
    } catch (SyscallException e) {
      work.failed(level.imagePath().toString(), e.errno());
    }
  }

  /** Copies a regular file. */
  private void file(Item item) throws IOException {
    try (HostInput from = item.from().read(item.host, item.level == null)) {
      FileStatus status = from.status();
      if (!status.is(StatMode.S_IFREG)) {
        throw new HostFailure(Errno.EINVAL, "is replaced while it is copied");
      }
      if (own != null && own.dev() == status.dev() && own.ino() == status.ino()) {
        throw new HostFailure(Errno.EBUSY, "is the image that is copied to");
      }
      if (!canReplace(item, item.there())) {
        return;
      }
      progress.begin(item::hostPath, status.size());
      int flags = Fcntl.O_WRONLY | Fcntl.O_CREAT | Fcntl.O_TRUNC;
      int careful = item.follow ? 0 : Fcntl.O_NOFOLLOW;
      int to = changes.open(item.to(), item.name(), flags | careful, OWN & ~0111);
      try {
        made(files.fstat(to));
        contents(from, to);
        changes.truncate(to, status.size());
        attributes(to, status);
      } finally {
        files.close(to);
      }
    }
    progress.ended();
    work.worked();
  }

  /** Whether a file may replace an existing one. If not, reports the reason. */
  private boolean canReplace(Item item, @Nullable FileStatus there) {
    if (there != null && !there.is(StatMode.S_IFREG)) {
      work.failed(
          item.imagePath(),
          "is a " + FileModes.type(there.mode()) + " there, which is not written to");
      return false;
    }
    return isNew(item, there);
  }

  private boolean isNew(Item item, @Nullable FileStatus there) {
    if (there != null && made.contains(there.ino())) {
      work.failed(
          item.imagePath(),
          "was just copied from another path of this name, and is not overwritten");
      return false;
    }
    return true;
  }

  private void made(FileStatus copy) {
    if (several) {
      made.add(copy.ino());
    }
  }

  private void contents(HostInput from, int to) throws HostFailure {
    long size = from.status().size();
    long at = 0;
    while (at < size) {
      long data = from.data(at);
      progress.moved(data - at);
      at = data;
      long hole = from.hole(at);
      while (at < hole) {
        goOn();
        long got = from.read(buffer.address(), Math.min(PIECE, hole - at), at);
        if (got == 0) {
          return; // it is shorter now; the rest is a hole
        }
        write(to, got, at);
        progress.moved(got);
        at += got;
      }
    }
  }

  /** Writes the buffer, but skips pages of zeroes. */
  private void write(int to, long bytes, long position) {
    MemorySegment piece = buffer.segment().asSlice(0, bytes);
    long end;
    for (long at = DataRuns.start(piece, 0); at < bytes; at = DataRuns.start(piece, end)) {
      end = DataRuns.end(piece, at);
      for (long from = at; from < end; ) {
        long done = changes.pwrite(to, buffer.address() + from, end - from, position + from);
        if (done == 0) {
          throw new SyscallException("write", Errno.EIO);
        }
        from += done;
      }
    }
  }

  /** Copies a symlink, pipe, socket or device by creating one in place of an existing file. */
  private void special(Item item, FileStatus status) throws IOException {
    progress.begin(item::hostPath, 0);
    int to = item.to();
    PathName name = item.name();
    boolean link = status.is(StatMode.S_IFLNK);
    PathName target = link ? item.from().readlink(item.host) : null;
    FileStatus there = there(to, name, false);
    if (!isNew(item, there)) {
      return;
    }
    if (there != null) {
      changes.unlink(to, name, 0); // EISDIR for a directory
    }
    if (target != null) {
      changes.makeSymlink(target, to, name);
    } else {
      changes.makeSpecial(to, name, status.mode() & StatMode.S_IFMT, status.rdev());
    }
    made(files.lstatat(to, name));
    changes.setOwner(to, name, status.uid(), status.gid());
    if (!link) { // a symlink has no mode
      changes.setMode(to, name, status.mode() & StatMode.S_IALLUGO);
    }
    changes.setTimes(to, name, status.atime(), status.mtime());
    progress.ended();
    work.worked();
  }

  /** Sets the attributes of a copy. A new owner clears mode bits, so it comes first. */
  private void attributes(int copy, FileStatus from) {
    changes.setOwner(copy, from.uid(), from.gid());
    changes.setMode(copy, from.mode() & StatMode.S_IALLUGO);
    changes.setTimes(copy, from.atime(), from.mtime());
  }

  @Override
  public void close() {
    progress.clear();
    buffer.close();
    changes.close();
    machine.close();
  }
}
