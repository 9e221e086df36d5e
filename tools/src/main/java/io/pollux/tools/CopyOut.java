// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.image.DataRuns;
import io.pollux.tools.image.HostFile;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.Tree;
import io.pollux.tools.user.DirEntry;
import io.pollux.tools.user.FileStatus;
import io.pollux.tools.user.PathName;
import io.pollux.tools.user.SyscallException;
import io.pollux.tools.user.UserFiles;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Instant;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Copies out of an image onto the machine. The image may be made to harm: what is copied into a directory never
 * goes anywhere else, whatever its names are and whatever symlinks were copied before it; and set-user-id bits
 * stay behind.
 */
final class CopyOut {
  private final Target target;
  private final UserFiles files;
  private final FileReader reader;
  private final PathWork work;
  private final boolean recursive;
  private final Tree tree;

  CopyOut(Target target, UserFiles files, FileReader reader, PathWork work, boolean recursive) {
    this.target = target;
    this.files = files;
    this.reader = reader;
    this.work = work;
    this.recursive = recursive;
    this.tree = new Tree(target, files);
  }

  /**
   * Copies a path as the user gave it.
   *
   * @param from path in the image
   * @param to path on the machine
   * @param into whether that is a directory to copy into
   */
  void copy(PathName from, Path to, boolean into) {
    FileStatus status = files.stat(target.inKernel(from)); // what the user names may be a symlink to it
    PathName name = from.fileName();
    if (status.is(StatMode.S_IFDIR)) {
      if (!recursive) {
        work.failed(from.toString(), "is a directory (-r copies it)");
        return;
      }
      // The root and . have no name to copy to: what is in them is copied.
      Path host = into && name.isPlainName() ? hostChild(to, from, name) : to;
      if (host != null) {
        guarded(from, host, () -> directory(from, host, status));
      }
    } else {
      Path host = into ? hostChild(to, from, name) : to;
      if (host != null) {
        guarded(from, host, () -> file(from, host, status, !into));
      }
    }
  }

  /** Something that may be refused by the machine. */
  @FunctionalInterface
  private interface HostWork {
    void run() throws IOException;
  }

  private void guarded(PathName from, Path host, HostWork what) {
    try {
      what.run();
    } catch (SyscallException e) {
      work.failed(from, e);
    } catch (IOException e) {
      work.failed(host.toString(), HostFile.why(e));
    }
  }

  /** Where a name goes in a directory of the machine; null, and said so, if it cannot go there. */
  private @Nullable Path hostChild(Path directory, PathName from, PathName name) {
    if (!name.isPlainName()) {
      work.failed(from.toString(), Errno.EUCLEAN);
      return null;
    }
    String text = name.text();
    try {
      if (text != null) {
        return directory.resolve(text);
      }
    } catch (InvalidPathException e) {
      text = null; // the locale's character set does not have it
    }
    work.failed(from.toString(), "cannot be the name of a file here, in this locale");
    return null;
  }

  private void directory(PathName from, Path to, FileStatus status) throws IOException {
    if (!tree.enter(from)) {
      work.failed(from.toString(), "was copied already, the directories go in a circle");
      return;
    }
    if (!Files.isDirectory(to, LinkOption.NOFOLLOW_LINKS)) {
      Files.createDirectory(to);
    }
    for (DirEntry entry : tree.list(from)) {
      PathName name = entry.name();
      PathName path = from.resolve(name);
      Path host = name.isDots() ? null : hostChild(to, path, name);
      if (host != null) {
        guarded(path, host, () -> entry(path, host));
      }
    }
    attributes(to, status);
  }

  private void entry(PathName from, Path to) throws IOException {
    FileStatus status = files.lstat(target.inKernel(from));
    switch (status.mode() & StatMode.S_IFMT) {
      case StatMode.S_IFDIR -> directory(from, to, status);
      case StatMode.S_IFREG -> file(from, to, status, false);
      case StatMode.S_IFLNK -> symlink(from, to);
      default -> work.failed(from.toString(), "is a " + FileModes.type(status.mode()) + ", not copied");
    }
  }

  private void symlink(PathName from, Path to) throws IOException {
    PathName link = files.readlink(target.inKernel(from));
    String text = link.text();
    if (text == null) {
      work.failed(from.toString(), "its target cannot be written here, in this locale");
      return;
    }
    if (Files.isSymbolicLink(to)) {
      Files.delete(to);
    }
    Files.createSymbolicLink(to, Path.of(text));
  }

  /** Copies a file; follow says whether a symlink that is there already may be written through. */
  private void file(PathName from, Path to, FileStatus status, boolean follow) throws IOException {
    try (Sparse sparse = new Sparse(to, follow)) {
      reader.read(from, sparse::write);
      sparse.finish();
    }
    attributes(to, status);
    work.worked();
  }

  private static void attributes(Path to, FileStatus status) throws IOException {
    Set<PosixFilePermission> permissions = EnumSet.noneOf(PosixFilePermission.class);
    PosixFilePermission[] all = PosixFilePermission.values(); // from owner's read to others' execute
    for (int i = 0; i < all.length; i++) {
      if ((status.mode() & 0400 >> i) != 0) {
        permissions.add(all[i]);
      }
    }
    Files.setPosixFilePermissions(to, permissions);
    long seconds = status.mtime().seconds();
    boolean fits = seconds > Instant.MIN.getEpochSecond() && seconds < Instant.MAX.getEpochSecond();
    Files.setLastModifiedTime(
        to,
        fits
            ? FileTime.from(Instant.ofEpochSecond(seconds, status.mtime().nanos()))
            : FileTime.from(seconds, TimeUnit.SECONDS));
  }

  /** A file on the machine that is written from its start to its end, and where nothing but zeroes come, is not. */
  private static final class Sparse implements AutoCloseable {
    private final Path path;
    private final boolean follow;
    private @Nullable FileChannel channel;
    private long position;

    Sparse(Path path, boolean follow) {
      this.path = path;
      this.follow = follow;
    }

    /** Opens the file when there is something to write, so that what cannot be read leaves nothing behind. */
    private FileChannel channel() throws IOException {
      FileChannel open = channel;
      if (open == null) {
        Set<OpenOption> how =
            new HashSet<>(
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING));
        if (!follow) {
          how.add(LinkOption.NOFOLLOW_LINKS);
        }
        open = FileChannel.open(path, how);
        channel = open;
      }
      return open;
    }

    void write(ByteBuffer piece) throws IOException {
      FileChannel to = channel();
      MemorySegment data = MemorySegment.ofBuffer(piece);
      long end;
      for (long at = DataRuns.start(data, 0); at < data.byteSize(); at = DataRuns.start(data, end)) {
        end = DataRuns.end(data, at);
        ByteBuffer part = data.asSlice(at, end - at).asByteBuffer();
        long where = position + at;
        while (part.hasRemaining()) {
          where += to.write(part, where);
        }
      }
      position += data.byteSize();
    }

    /** Gives the file its length, which may end in a hole. */
    void finish() throws IOException {
      FileChannel to = channel();
      if (to.size() < position) {
        to.write(ByteBuffer.allocate(1), position - 1);
      }
    }

    @Override
    public void close() throws IOException {
      if (channel != null) {
        channel.close();
      }
    }
  }
}
