// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.block.bdev.DiskParameters;
import io.pollux.block.bdev.DiskType;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.block.bdev.Providers;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.sample.SampleImage;
import io.pollux.syscalls.Kernel;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.IoReason;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Opens the disks of a target, from the lowest up, and fills them with the image or the sample. */
public final class Disks {
  /**
   * An opened disk.
   *
   * @param disk the disk; the caller closes it after the kernel
   * @param sample whether it was filled with a sample
   */
  public record Opened(OpenedDisk disk, boolean sample) {}

  private static final int BUFFER = 512 << 10;

  private final Providers providers;
  private final Task current;
  private final Map<String, Integer> numbers = new HashMap<>(); // the next one of each type
  private long dev;
  private boolean allEmpty = true;

  private Disks(Providers providers, Task current, long dev) {
    this.providers = providers;
    this.current = current;
    this.dev = dev;
  }

  /**
   * Opens a target's disk.
   *
   * @param kernel a kernel, to which it is not added
   * @param providers the types of disks
   * @param spec the user's options
   * @param name its name under /dev
   * @param dev its device number; lower disks have the next ones
   * @param readOnly whether it rejects writes
   * @return the disk
   * @throws Failure if a disk cannot be opened, or the image cannot be read
   */
  public static Opened open(
      Kernel kernel,
      Providers providers,
      TargetSpec spec,
      String name,
      long dev,
      boolean readOnly) {
    String what = spec.image() == null ? "an empty disk" : spec.image().toString();
    try (Content content = content(spec)) {
      OptionalLong bytes = content == null ? spec.size() : OptionalLong.of(content.bytes());
      boolean writable = content != null || !readOnly;
      return kernel.inTask(
          current -> {
            Disks disks = new Disks(providers, current, dev);
            OpenedDisk disk = disks.open(spec.stack(), name, bytes, !writable);
            boolean done = false;
            try {
              if (content != null && !disks.allEmpty && spec.image() != null) {
                throw Failure.couldNotRun(
                    "--disk " + spec.disk(), "has content of its own, and excludes --image");
              }
              boolean fills = content != null && disks.allEmpty;
              if (fills) {
                fill(current, disk, content, what);
              }
              if (readOnly) {
                disk.device().setDiskReadOnly();
              }
              done = true;
              return new Opened(disk, fills && spec.image() == null);
            } finally {
              if (!done) {
                disk.close();
              }
            }
          });
    } catch (IOException e) {
      throw Failure.couldNotRun(what, IoReason.of(e), e);
    } catch (ErrnoException e) {
      throw e.errno() == Errno.ENOMEM
          ? Failure.couldNotRun(what, String.valueOf(e.getMessage()), e)
          : Failure.couldNotRun(option(spec), String.valueOf(e.getMessage()), e);
    }
  }

  /** Checks the types of disks and their parameters, without opening one. */
  static void check(TargetSpec spec, Providers providers) {
    try {
      check(spec.stack(), providers);
    } catch (ErrnoException e) {
      throw Failure.couldNotRun(option(spec), String.valueOf(e.getMessage()), e);
    }
  }

  private static void check(DiskSpec disk, Providers providers) throws ErrnoException {
    DiskType type = providers.disk(disk.type());
    try {
      type.checkOptions(Options.of(disk.options()));
    } catch (RuntimeException | LinkageError | AssertionError e) {
      throw threw(type, e);
    }
    for (DiskSpec below : disk.lower()) {
      check(below, providers);
    }
  }

  /** Returns the option that an error of a disk is about. */
  private static String option(TargetSpec spec) {
    return spec.faults() != null
        ? "--fault " + spec.faults()
        : spec.nullDisk() != null
            ? "--null " + spec.nullDisk()
            : spec.disk() == null ? "--image" : "--disk " + spec.disk();
  }

  /** Returns what the disk is to contain; null for a disk that is empty or a file. */
  private static @Nullable Content content(TargetSpec spec) throws IOException {
    Path image = spec.image();
    if (image != null) {
      return spec.isDisk(TargetSpec.FILE) ? null : new ImageLoader(image);
    }
    if (spec.size().isPresent()) {
      return null;
    }
    String wanted = spec.fs();
    String fs = wanted == null || spec.bare() ? "xfs" : wanted;
    if (!SampleImage.exists(fs)) {
      throw Failure.couldNotRun(
          "--fs " + fs, "there is no sample with this filesystem: needs --image");
    }
    try {
      return new SampleContent(fs);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private OpenedDisk open(DiskSpec spec, String name, OptionalLong bytes, boolean readOnly)
      throws ErrnoException {
    DiskType type = providers.disk(spec.type());
    long number = dev++;
    int count = spec.lower().size();
    OptionalLong lowerBytes = bytes;
    if (count > 0 && bytes.isPresent()) {
      lowerBytes = OptionalLong.of(lowerBytes(type, bytes.getAsLong(), count));
    }
    List<OpenedDisk> lower = new ArrayList<>();
    boolean done = false;
    try {
      for (DiskSpec below : spec.lower()) {
        int next = numbers.merge(below.type(), 1, Integer::sum) - 1;
        lower.add(open(below, below.type() + next, lowerBytes, readOnly));
      }
      Options options = Options.of(spec.options());
      DiskParameters parameters = new DiskParameters(name, number, readOnly, bytes, options, lower);
      OpenedDisk opened = opened(type, parameters);
      allEmpty &= opened.isEmpty();
      done = true; // it closes the lower disks from now on
      try {
        options.requireAllKnown(spec.type());
      } catch (ErrnoException e) {
        opened.close();
        throw e;
      }
      return opened;
    } finally {
      if (!done) {
        lower.reversed().forEach(OpenedDisk::close);
      }
    }
  }

  private static long lowerBytes(DiskType type, long bytes, int count) throws ErrnoException {
    try {
      return type.lowerBytes(bytes, count);
    } catch (RuntimeException | LinkageError | AssertionError e) {
      throw threw(type, e);
    }
  }

  /** Calls a type, whose exceptions become EIO. */
  private OpenedDisk opened(DiskType type, DiskParameters parameters) throws ErrnoException {
    try {
      OpenedDisk opened = type.open(current, parameters);
      if (opened == null || opened.device() == null) {
        throw new ErrnoException(Errno.EIO, type.name() + ": its open returned nothing");
      }
      return opened;
    } catch (RuntimeException | LinkageError | AssertionError e) {
      current.abandonCall();
      throw threw(type, e);
    }
  }

  private static ErrnoException threw(DiskType type, Throwable e) {
    String thrown = e.toString().replaceAll("\\s+", " ");
    ErrnoException failed =
        new ErrnoException(Errno.EIO, type.name() + ": its open threw " + thrown);
    failed.initCause(e);
    return failed;
  }

  /** Copies content to a disk, up to the end of the device. */
  private static void fill(Task current, OpenedDisk disk, Content content, String what)
      throws ErrnoException {
    long buffer = HostMemory.map(BUFFER);
    if (buffer == 0) {
      throw new ErrnoException(Errno.ENOMEM);
    }
    try {
      content.copyTo(
          (position, data) -> {
            long length = Math.min(data.byteSize(), disk.device().bytes() - position);
            if (length > 0) {
              MemorySegment.copy(data, 0, RawMemory.segment(buffer, BUFFER), 0, length);
              disk.fill(current, position, buffer, (int) length);
            }
          });
    } catch (IOException e) {
      throw Failure.couldNotRun(what, IoReason.of(e), e);
    } finally {
      HostMemory.unmap(buffer, BUFFER);
    }
  }
}
