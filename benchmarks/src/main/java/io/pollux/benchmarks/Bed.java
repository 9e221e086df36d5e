// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.benchmarks;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.BdevFileSystem;
import io.pollux.block.bdev.MountOptions;
import io.pollux.block.driver.NullDisk;
import io.pollux.block.driver.NullParameters;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Kernel;
import io.pollux.syscalls.Program;
import io.pollux.tools.image.SampleImage;
import io.pollux.tools.image.TargetSpec.Fs;
import io.pollux.tools.user.PathName;
import io.pollux.tools.user.UserFiles;
import io.pollux.uapi.Fcntl;
import java.util.ArrayList;
import java.util.List;

/** A kernel with null disks, and files on them that are open; made and used by one thread. */
final class Bed implements AutoCloseable {
  static final int BLOCK = 4096;

  private static final long DISK_BYTES = 1L << 30;
  private static final int QUEUE_DEPTH = 4096; // more than any benchmark has in flight
  private static final int MAJOR = 259;

  private final Kernel kernel = Kernel.boot();
  private final List<NullDisk> disks = new ArrayList<>();
  private final Program program = kernel.newProgram();
  private final UserFiles files = new UserFiles(program);
  private final List<BlockDevice> devices = new ArrayList<>();
  private final int[] fds;
  private final long blocks;

  private Bed(List<RamDisk> contents, Fs fs) throws ErrnoException {
    NullParameters parameters = NullParameters.DEFAULT.withQueues(1, 1, QUEUE_DEPTH);
    for (RamDisk content : contents) {
      NullDisk disk = new NullDisk(content, parameters);
      String name = "null" + disks.size();
      BlockDevice device = disk.disk(name, MAJOR << 8 | disks.size(), false);
      disks.add(disk);
      devices.add(device);
      kernel.addDisk(device);
    }
    fds = new int[contents.size()];
    for (int i = 0; i < fds.length; i++) {
      PathName path = PathName.of("/dev/null" + i);
      if (fs != Fs.NONE) {
        BdevFileSystem type = kernel.recognise(devices.get(i)).orElseThrow();
        kernel.mount("mnt" + i, type, devices.get(i), new MountOptions(false, false));
        path = PathName.of("/mnt" + i + SampleImage.MAIN_FILE);
      }
      fds[i] = files.open(path, Fcntl.O_RDWR | Fcntl.O_DIRECT);
    }
    blocks = fs == Fs.NONE ? DISK_BYTES / BLOCK : files.fstat(fds[0]).size() / BLOCK;
  }

  /** Bare disks. */
  static Bed ofDisks(int count) throws ErrnoException {
    List<RamDisk> contents = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      contents.add(new RamDisk(DISK_BYTES));
    }
    return new Bed(contents, Fs.NONE);
  }

  /** The main file of a sample, or a bare disk. */
  static Bed of(Fs fs) throws ErrnoException {
    return fs == Fs.NONE ? ofDisks(1) : new Bed(List.of(SampleImage.load(fs)), fs);
  }

  Program program() {
    return program;
  }

  int files() {
    return fds.length;
  }

  int fd(int which) {
    return fds[which];
  }

  long blocks() {
    return blocks;
  }

  @Override
  public void close() throws ErrnoException {
    for (int fd : fds) {
      files.close(fd);
    }
    files.close();
    program.close();
    kernel.close();
    disks.forEach(NullDisk::close);
  }
}
