// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.BdevFileSystem;
import io.pollux.block.bdev.MountOptions;
import io.pollux.block.driver.NullDisk;
import io.pollux.block.driver.NullParameters;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Kernel;
import io.pollux.syscalls.Program;
import io.pollux.tools.image.ImageLoader;
import io.pollux.tools.image.SampleImage;
import io.pollux.tools.image.TargetSpec.Fs;
import io.pollux.tools.user.PathName;
import io.pollux.tools.user.UserFiles;
import io.pollux.uapi.Fcntl;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

/** A kernel with null disks, and files on them that are open; made, used and closed by one thread. */
public final class Bed implements AutoCloseable {
  /** Bytes of a request. */
  public static final int BLOCK = 4096;

  private static final long DISK_BYTES = 1L << 30;
  private static final int QUEUE_DEPTH = 4096; // more than anything here has in flight
  private static final int MAJOR = 259;

  private final Kernel kernel = Kernel.boot();
  private final List<NullDisk> disks = new ArrayList<>();
  private final Program program = kernel.newProgram();
  private final UserFiles files = new UserFiles(program);
  private final int[] fds;
  private final long blocks;

  /** Opens files of these names on each disk, or, where there is no filesystem, each disk as often. */
  private Bed(List<RamDisk> contents, Fs fs, List<String> names) throws ErrnoException {
    NullParameters parameters = NullParameters.DEFAULT.withQueues(1, 1, QUEUE_DEPTH);
    List<PathName> paths = new ArrayList<>();
    for (RamDisk content : contents) {
      int index = disks.size();
      NullDisk disk = new NullDisk(content, parameters);
      BlockDevice device = disk.disk("null" + index, MAJOR << 8 | index, false);
      disks.add(disk);
      kernel.addDisk(device);
      if (fs == Fs.NONE) {
        paths.addAll(Collections.nCopies(names.size(), PathName.of("/dev/null" + index)));
      } else {
        BdevFileSystem type = kernel.recognise(device).orElseThrow();
        kernel.mount("mnt" + index, type, device, new MountOptions(false, false));
        names.forEach(name -> paths.add(PathName.of("/mnt" + index + name)));
      }
    }
    fds = paths.stream().mapToInt(path -> files.open(path, Fcntl.O_RDWR | Fcntl.O_DIRECT)).toArray();
    blocks = (fs == Fs.NONE ? contents.getFirst().bytes() : files.fstat(fds[0]).size()) / BLOCK;
  }

  /**
   * Bare disks of a gigabyte.
   *
   * @param count how many, each of them a file
   * @return all of it
   * @throws ErrnoException what the kernel has against it
   */
  public static Bed ofDisks(int count) throws ErrnoException {
    List<RamDisk> contents = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      contents.add(new RamDisk(DISK_BYTES));
    }
    return new Bed(contents, Fs.NONE, List.of(SampleImage.MAIN_FILE));
  }

  /**
   * The main file of a sample, or a bare disk.
   *
   * @param fs which
   * @return all of it
   * @throws ErrnoException what the kernel has against it
   */
  public static Bed of(Fs fs) throws ErrnoException {
    return fs == Fs.NONE ? ofDisks(1) : new Bed(List.of(SampleImage.load(fs)), fs, List.of(SampleImage.MAIN_FILE));
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
    return new Bed(List.of(ImageLoader.load(image)), Fs.XFS, IntStream.range(0, count).mapToObj(i -> "/file" + i).toList());
  }

  /**
   * A bare disk of a mebibyte that is opened more than once.
   *
   * @param count how often
   * @return all of it
   * @throws ErrnoException what the kernel has against it
   */
  public static Bed ofOpens(int count) throws ErrnoException {
    return new Bed(List.of(new RamDisk(XfsImage.FILE_BYTES)), Fs.NONE, Collections.nCopies(count, SampleImage.MAIN_FILE));
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

  @Override
  public void close() {
    for (int fd : fds) {
      files.close(fd);
    }
    files.close();
    program.close();
    try {
      kernel.close();
    } catch (ErrnoException e) {
      throw new IllegalStateException("unmounting", e); // a null disk refuses nothing
    }
    disks.forEach(NullDisk::close);
  }
}
