// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Failure;
import io.pollux.tools.host.HostDirectory;
import io.pollux.tools.host.HostFailure;
import io.pollux.tools.host.HostFiles;
import io.pollux.tools.host.HostNode;
import io.pollux.tools.image.Target;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import java.io.IOException;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Copies out of an image to the host, as GNU cp does with --preserve=mode,ownership,timestamps
 * --sparse=always. The image may be malicious: no name and no copied symlink leads a copy out of
 * its target directory.
 */
final class CopyOut implements AutoCloseable {
  private final Target target;
  private final UserFiles files;
  private final FileReader reader;
  private final PathWork work;
  private final CopyProgress progress;
  private final boolean recursive;
  private final HostFiles machine = new HostFiles();
  private final HostDirectory here = machine.workingDirectory();
  private final CopiedFile.Guard guard;
  private final Set<Given> givenBefore = new HashSet<>();
  private volatile boolean stopped;

  /** A path from the command line, and its target. */
  private record Given(long ino, PathName copy) {}

  /**
   * Creates a copier.
   *
   * @param image the image's own file, which is never overwritten; null if it has none
   * @param several whether several paths are copied; none may replace another's copy
   */
  CopyOut(
      Target target,
      UserFiles files,
      FileReader reader,
      PathWork work,
      CopyProgress progress,
      boolean recursive,
      @Nullable PathName image,
      boolean several) {
    this.target = target;
    this.files = files;
    this.reader = reader;
    this.work = work;
    this.progress = progress;
    this.recursive = recursive;
    guard = new CopiedFile.Guard(imageFile(image), several);
  }

  private @Nullable FileStatus imageFile(@Nullable PathName image) {
    try {
      return image == null ? null : here.status(image, true);
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

  /** Whether the path is a host directory or a symlink to one. */
  boolean isDirectory(PathName path) throws HostFailure {
    FileStatus status = here.status(path, true);
    return status != null && status.is(StatMode.S_IFDIR);
  }

  /** An item to copy: an entry of a directory being copied, or a path that the user gave. */
  private final class Item {
    private final @Nullable CopyLevel level;
    private final PathName image; // a name in the level, or a path in the image
    private final HostDirectory host; // parent directory of the copy
    private final PathName copy; // its name there
    private final PathName shown; // its path on the host, or its name in the level
    private final boolean follow; // whether the copy may be an existing symlink

    Item(
        @Nullable CopyLevel level,
        PathName image,
        HostDirectory host,
        PathName copy,
        PathName shown,
        boolean follow) {
      this.level = level;
      this.image = image;
      this.host = host;
      this.copy = copy;
      this.shown = shown;
      this.follow = follow;
    }

    String imagePath() {
      return (level == null ? image : level.imagePath(image)).toString();
    }

    String hostPath() {
      return (level == null ? shown : level.hostPath(shown)).toString();
    }

    int directory() {
      return level == null ? Fcntl.AT_FDCWD : level.image();
    }

    PathName name() {
      return level == null ? target.inKernel(image) : image;
    }

    void read(FileReader.Sink sink) throws IOException {
      if (level == null) {
        reader.read(image, sink);
      } else {
        reader.readAt(level.image(), image, sink);
      }
    }
  }

  /**
   * Copies a path that the user gave. Without -r it follows a symlink; with -r it copies the
   * symlink.
   *
   * @param from path in the image
   * @param to path on the host
   * @param into whether that is a directory to copy into
   */
  void copy(PathName from, PathName to, boolean into) {
    goOn();
    PathName name = from.fileName();
    // the root and .. have no name: their contents are copied
    boolean inside = into && name.isPlainName();
    try (HostDirectory directory = inside ? here.open(to, true) : here) {
      Item item =
          inside
              ? new Item(null, from, directory, name, to.resolve(name), false)
              : new Item(null, from, here, to, to, true);
      guarded(item, () -> given(item));
    } catch (IOException e) {
      work.failed(to.toString(), String.valueOf(e.getMessage()));
    }
  }

  private void given(Item item) throws IOException {
    FileStatus status = recursive ? files.lstat(item.name()) : files.stat(item.name());
    if (!givenBefore.add(new Given(status.ino(), item.copy))) {
      work.warned(item.imagePath(), "is given more than once");
      return;
    }
    // its content is the image's content
    boolean disk = target.bare() && status.is(StatMode.S_IFBLK);
    if (status.is(StatMode.S_IFDIR) && !recursive) {
      work.failed(item.imagePath(), "is a directory (-r copies it)");
    } else if (status.is(StatMode.S_IFDIR)) {
      tree(item);
    } else if (status.is(StatMode.S_IFREG) || disk) {
      file(item, status);
    } else if (!recursive) {
      work.failed(
          item.imagePath(), "is a " + FileModes.type(status.mode()) + " (-r copies it as one)");
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
      work.failed(item.imagePath(), e.errno());
    } catch (HostFailure e) {
      refused(item.hostPath(), e);
    } catch (IOException e) {
      work.failed(item.hostPath(), String.valueOf(e.getMessage()));
    }
  }

  private void refused(String path, HostFailure e) {
    if (e.errno() == Errno.EIO || e.errno() == Errno.ENOSPC || e.errno() == Errno.EFBIG) {
      work.worked(); // it ran until then
    }
    work.failed(path, String.valueOf(e.getMessage()));
  }

  /** Copies a directory tree without recursion, because an image may be deep. */
  private void tree(Item top) throws IOException {
    Set<Long> entered = new HashSet<>();
    CopyLevel level = descend(top, target.inKernel(top.image), entered);
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
        CopyLevel below = entry(new Item(level, name, level.host(), name, name, false), entered);
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
  private @Nullable CopyLevel entry(Item item, Set<Long> entered) {
    CopyLevel[] below = new CopyLevel[1];
    guarded(
        item,
        () -> {
          if (!item.image.isPlainName()) {
            // the name would lead out of the directory
            throw new SyscallException("entry", Errno.EUCLEAN);
          }
          FileStatus status = files.lstatat(item.directory(), item.name());
          if (status.is(StatMode.S_IFDIR)) {
            below[0] = descend(item, item.name(), entered);
          } else if (status.is(StatMode.S_IFREG)) {
            file(item, status);
          } else {
            special(item, status);
          }
        });
    return below[0];
  }

  private CopyLevel descend(Item item, PathName name, Set<Long> entered) throws IOException {
    int image =
        files.openat(
            item.directory(),
            name,
            Fcntl.O_RDONLY | Fcntl.O_DIRECTORY | (item.level == null ? 0 : Fcntl.O_NOFOLLOW));
    HostDirectory host;
    try {
      if (!entered.add(files.fstat(image).ino())) {
        // the directory contains itself or has two parents
        throw new SyscallException("directory", Errno.ELOOP);
      }
      FileStatus there = item.host.status(item.copy, item.follow);
      if (there == null || !there.is(StatMode.S_IFDIR)) {
        item.host.makeDirectory(item.copy);
      }
      host = item.host.open(item.copy, item.follow);
    } catch (SyscallException | IOException e) {
      files.close(image);
      throw e;
    }
    return CopyLevel.begin(files, item.level, item.image, image, item.shown, host);
  }

  /**
   * Finishes a directory. Mode and times are set last: the mode may forbid writing, and new entries
   * change the times.
   */
  private @Nullable CopyLevel ascend(CopyLevel level) throws IOException {
    CopyLevel parent = level.parent();
    try (level) {
      if (parent != null) {
        parent.wake(level);
      }
      attributes(level.host().node(), level.status(), () -> level.hostPath().toString());
      work.worked();
    }
    return parent;
  }

  /** Copies the content of a file. */
  private void file(Item item, FileStatus status) throws IOException {
    progress.begin(item::imagePath, status.size());
    try (CopiedFile copy = new CopiedFile(item.host, item.copy, item.follow, guard, this::moved)) {
      item.read(copy);
      copy.finish();
      if (copy.isRegular()) {
        attributes(copy.node(), status, item::hostPath);
      }
    }
    progress.ended();
    work.worked();
  }

  private void moved(long bytes) {
    goOn();
    progress.moved(bytes);
  }

  /** Copies a symlink, pipe, socket or device by creating one in place of an existing file. */
  private void special(Item item, FileStatus status) throws IOException {
    progress.begin(item::imagePath, 0);
    FileStatus there = item.host.status(item.copy, false);
    if (there != null) {
      guard.check(there);
      item.host.remove(item.copy); // EISDIR for a directory
    }
    if (status.is(StatMode.S_IFLNK)) {
      item.host.makeSymlink(item.copy, files.readlinkat(item.directory(), item.name()));
    } else {
      item.host.makeSpecial(item.copy, status.mode() & StatMode.S_IFMT, status.rdev());
    }
    HostNode copy = item.host.node(item.copy);
    guard.made(copy.status());
    attributes(copy, status, item::hostPath);
    progress.ended();
    work.worked();
  }

  private void attributes(HostNode copy, FileStatus from, Supplier<String> path)
      throws HostFailure {
    new KeptAttributes(
            machine.isRoot(),
            what -> work.failed(path.get(), what),
            what -> work.warned(path.get(), what))
        .give(copy, from);
  }

  @Override
  public void close() {
    progress.clear();
    machine.close();
  }
}
