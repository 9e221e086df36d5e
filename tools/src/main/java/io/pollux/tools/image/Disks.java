// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.DiskSpec;
import io.pollux.block.bdev.DiskStack;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.block.bdev.Providers;
import io.pollux.core.ErrnoException;
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
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Opens the disks of a target, from the lowest up, and fills them with the image or the sample. */
public final class Disks {
  /**
   * An opened disk.
   *
   * @param stack the disk and those below it; the caller closes it after the kernel
   * @param sample whether it was filled with a sample
   */
  public record Opened(DiskStack stack, boolean sample) {}

  private static final int BUFFER = 512 << 10;

  private Disks() {}

  /**
   * Parses the user's description of a disk.
   *
   * @param text any text
   * @throws Failure if it is malformed
   */
  public static DiskSpec parse(String text) {
    try {
      return DiskSpec.parse(text);
    } catch (ErrnoException e) {
      throw Failure.couldNotRun("--disk", String.valueOf(e.getMessage()), e);
    }
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
            DiskStack stack =
                DiskStack.open(current, providers, spec.stack(), name, dev, bytes, !writable);
            boolean done = false;
            try {
              if (content != null && !stack.isEmpty() && spec.image() != null) {
                throw Failure.couldNotRun(
                    "--disk " + spec.disk(), "has content of its own, and excludes --image");
              }
              boolean fills = content != null && stack.isEmpty();
              if (fills) {
                fill(current, stack.top(), content, what);
              }
              if (readOnly) {
                stack.top().device().setDiskReadOnly();
                stack.lowerDevices().forEach(BlockDevice::setDiskReadOnly);
              }
              done = true;
              return new Opened(stack, fills && spec.image() == null);
            } finally {
              if (!done) {
                stack.close();
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
      DiskStack.check(providers, spec.stack());
    } catch (ErrnoException e) {
      throw Failure.couldNotRun(option(spec), String.valueOf(e.getMessage()), e);
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
