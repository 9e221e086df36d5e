// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.DiskStack;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.block.bdev.Providers;
import io.pollux.core.ErrnoException;
import io.pollux.sample.SampleImage;
import io.pollux.syscalls.Kernel;
import io.pollux.syscalls.Program;
import io.pollux.tools.image.Disks;
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
import java.util.stream.IntStream;

/** A kernel with null disks and open files on them. One thread creates, uses and closes it. */
public final class Bed implements AutoCloseable {
  /** Size of a request in bytes. */
  public static final int BLOCK = 4096;

  private static final long DISK_BYTES = 1L << 30;
  private static final String DISK =
      "null:irqmode=none,hw_queue_depth=4096"; // deeper than any load
  private static final int MAJOR = 259;

  private final Kernel kernel = Kernel.boot();
  private final List<DiskStack> disks = new ArrayList<>();
  private final Program program = kernel.newProgram();
  private final UserFiles files = new UserFiles(program);
  private int[] fds = {};
  private long blocks;

  private Bed() {}

  /**
   * Creates disks and opens the named files on each. Without a filesystem, each disk is opened once
   * for each name.
   */
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
      try (bed) { // closes what was created
        throw e;
      }
    }
  }

  /** Adds a disk. Returns the paths to open. */
  private List<PathName> addDisk(TargetSpec spec, List<String> names) throws ErrnoException {
    int index = disks.size();
    DiskStack disk =
        Disks.open(
                kernel, Providers.builtIn(), spec, "null" + index, (long) MAJOR << 8 | index, false)
            .stack();
    disks.add(disk);
    BlockDevice device = disk.top().device();
    kernel.addDisk(device);
    if (spec.bare()) {
      blocks = device.bytes() / BLOCK;
      return Collections.nCopies(names.size(), PathName.of("/dev/null" + index));
    }
    FileSystemType type = kernel.recognise(device).orElseThrow();
    kernel.mount("mnt" + index, type, device, "rw");
    return names.stream().map(name -> PathName.of("/mnt" + index + name)).toList();
  }

  private void open(List<PathName> paths) {
    fds =
        paths.stream().mapToInt(path -> files.open(path, Fcntl.O_RDWR | Fcntl.O_DIRECT)).toArray();
    if (blocks == 0) {
      blocks = files.fstat(fds[0]).size() / BLOCK;
    }
  }

  private static TargetSpec bare(long bytes) {
    return TargetSpec.SAMPLE.withDisk(DISK).withBare(bytes);
  }

  /**
   * Creates bare disks of a gigabyte.
   *
   * @param count number of disks, one file each
   * @throws ErrnoException an error of the kernel
   */
  public static Bed ofDisks(int count) throws ErrnoException {
    return made(count, bare(DISK_BYTES), List.of(SampleImage.MAIN_FILE));
  }

  /**
   * Opens the main file of a sample, or a bare disk.
   *
   * @param fs name of the filesystem, or none
   * @throws ErrnoException an error of the kernel
   */
  public static Bed of(String fs) throws ErrnoException {
    return fs.equals(Providers.NONE)
        ? ofDisks(1)
        : made(1, TargetSpec.SAMPLE.withDisk(DISK).withFs(fs), List.of(SampleImage.MAIN_FILE));
  }

  /**
   * Opens files of a mebibyte on XFS.
   *
   * @param image of {@link XfsImage}; not used after this returns
   * @param count number of files, at most as many as the image has
   * @throws ErrnoException an error of the kernel
   */
  public static Bed ofFiles(Path image, int count) throws ErrnoException {
    return made(
        1,
        TargetSpec.SAMPLE.withImage(image).withDisk(DISK).withFs("xfs"),
        IntStream.range(0, count).mapToObj(i -> "/file" + i).toList());
  }

  /**
   * Opens a bare disk of a mebibyte several times.
   *
   * @param count number of opens
   * @throws ErrnoException an error of the kernel
   */
  public static Bed ofOpens(int count) throws ErrnoException {
    return made(1, bare(XfsImage.FILE_BYTES), Collections.nCopies(count, SampleImage.MAIN_FILE));
  }

  /** Consumes events, all of which must be present and complete. */
  static void reap(UserRing ring, int count) {
    for (int i = 0; i < count; i++) {
      long event = ring.peek();
      if (event == 0 || IoEvent.res(event) != BLOCK) {
        throw new IllegalStateException(
            event == 0 ? "no event" : "a read answers " + IoEvent.res(event));
      }
      ring.consume(event);
    }
  }

  /** Returns the program that has opened the files. */
  public Program program() {
    return program;
  }

  /** Returns the number of open files. */
  public int files() {
    return fds.length;
  }

  /**
   * Returns the descriptor of a file.
   *
   * @param which from 0
   */
  public int fd(int which) {
    return fds[which];
  }

  /** Returns the size of the first file in blocks of {@link #BLOCK}. */
  public long blocks() {
    return blocks;
  }

  /** Closes everything. The caller has closed its rings before. */
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
      throw new IllegalStateException("unmounting", e); // a null disk returns no errors
    } finally {
      disks.forEach(DiskStack::close);
    }
  }
}
