// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.BdevFileSystem;
import io.pollux.block.bdev.MountOptions;
import io.pollux.block.driver.NullDisk;
import io.pollux.block.driver.NullParameters;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.sample.SampleImage;
import io.pollux.syscalls.Kernel;
import io.pollux.syscalls.Program;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec.Disk;
import io.pollux.tools.image.TargetSpec.Fs;
import io.pollux.tools.image.TargetSpec;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserRing;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** A kernel with null disks, and files on them that are open; made, used and closed by one thread. */
public final class Bed implements AutoCloseable {
  /** Bytes of a request. */
  public static final int BLOCK = 4096;

  private static final long DISK_BYTES = 1L << 30;
  private static final NullParameters PARAMETERS =
      NullParameters.DEFAULT.withQueues(1, 1, 4096); // deeper than anything here has in flight
  private static final int MAJOR = 259;

  private final Kernel kernel = Kernel.boot();
  private final List<NullDisk> disks = new ArrayList<>();
  private final Program program = kernel.newProgram();
  private final UserFiles files = new UserFiles(program);
  private int[] fds = {};
  private long blocks;

  private Bed() {}

  /** So many disks, and files of these names on each; or, where there is no filesystem, each disk as often. */
  private static Bed made(int count, TargetSpec spec, List<String> names) throws ErrnoException {
    Bed bed = new Bed();
    try {
      List<PathName> paths = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        paths.addAll(bed.addDisk(spec, names));
      }
      bed.open(paths);
      return bed;
    } catch (Throwable e) {
      try (bed) { // what there is of it
        throw e;
      }
    }
  }

  /** Answers what there is to be opened. */
  private List<PathName> addDisk(TargetSpec spec, List<String> names) throws ErrnoException {
    int index = disks.size();
    RamDisk content = Target.contents(spec);
    NullDisk disk = new NullDisk(content, PARAMETERS);
    disks.add(disk);
    BlockDevice device = disk.disk("null" + index, MAJOR << 8 | index, false);
    kernel.addDisk(device);
    if (spec.fs() == Fs.NONE) {
      blocks = content.bytes() / BLOCK;
      return Collections.nCopies(names.size(), PathName.of("/dev/null" + index));
    }
    BdevFileSystem type = kernel.recognise(device).orElseThrow();
    kernel.mount("mnt" + index, type, device, new MountOptions(false, false));
    return names.stream().map(name -> PathName.of("/mnt" + index + name)).toList();
  }

  private void open(List<PathName> paths) {
    fds = paths.stream().mapToInt(path -> files.open(path, Fcntl.O_RDWR | Fcntl.O_DIRECT)).toArray();
    if (blocks == 0) {
      blocks = files.fstat(fds[0]).size() / BLOCK;
    }
  }

  /** A disk with nothing on it, or with a sample, or with a copy of an image. */
  private static TargetSpec spec(Fs fs, @Nullable Path image, OptionalLong bytes) {
    return new TargetSpec(image, fs, null, Disk.NULL, bytes, false, false, null, null, false);
  }

  private static TargetSpec bare(long bytes) {
    return spec(Fs.NONE, null, OptionalLong.of(bytes));
  }

  /**
   * Bare disks of a gigabyte.
   *
   * @param count how many, each of them a file
   * @return all of it
   * @throws ErrnoException what the kernel has against it
   */
  public static Bed ofDisks(int count) throws ErrnoException {
    return made(count, bare(DISK_BYTES), List.of(SampleImage.MAIN_FILE));
  }

  /**
   * The main file of a sample, or a bare disk.
   *
   * @param fs which
   * @return all of it
   * @throws ErrnoException what the kernel has against it
   */
  public static Bed of(Fs fs) throws ErrnoException {
    return fs == Fs.NONE ? ofDisks(1) : made(1, spec(fs, null, OptionalLong.empty()), List.of(SampleImage.MAIN_FILE));
  }

  /**
   * Files of a mebibyte each on XFS.
   *
   * @param image of {@link XfsImage}; not needed any more when this is made
   * @param count how many of them, no more than it has
   * @return all of it
   * @throws ErrnoException what the kernel has against it
   */
  public static Bed ofFiles(Path image, int count) throws ErrnoException {
    return made(1, spec(Fs.XFS, image, OptionalLong.empty()), IntStream.range(0, count).mapToObj(i -> "/file" + i).toList());
  }

  /**
   * A bare disk of a mebibyte that is opened more than once.
   *
   * @param count how often
   * @return all of it
   * @throws ErrnoException what the kernel has against it
   */
  public static Bed ofOpens(int count) throws ErrnoException {
    return made(1, bare(XfsImage.FILE_BYTES), Collections.nCopies(count, SampleImage.MAIN_FILE));
  }

  /** Takes so many events, each of which is there, of a read that was done whole. */
  static void reap(UserRing ring, int count) {
    for (int i = 0; i < count; i++) {
      long event = ring.peek();
      if (event == 0 || IoEvent.res(event) != BLOCK) {
        throw new IllegalStateException(event == 0 ? "no event" : "a read answers " + IoEvent.res(event));
      }
      ring.consume(event);
    }
  }

  /**
   * Who has the files open.
   *
   * @return the program
   */
  public Program program() {
    return program;
  }

  /**
   * How many files are open.
   *
   * @return their number
   */
  public int files() {
    return fds.length;
  }

  /**
   * An open file.
   *
   * @param which from 0
   * @return its descriptor
   */
  public int fd(int which) {
    return fds[which];
  }

  /**
   * The size of the first file.
   *
   * @return in blocks of {@link #BLOCK}
   */
  public long blocks() {
    return blocks;
  }

  /** Gives all of it back. Whatever is on it, such as a ring, has been closed before. */
  @Override
  public void close() {
    try {
      for (int fd : fds) {
        files.close(fd);
      }
      files.close();
      program.close();
      List<String> held = kernel.held();
      kernel.close();
      if (!held.isEmpty()) {
        throw new IllegalStateException("still held at the end: " + held);
      }
    } catch (ErrnoException e) {
      throw new IllegalStateException("unmounting", e); // a null disk refuses nothing
    } finally {
      disks.forEach(NullDisk::close);
    }
  }
}
