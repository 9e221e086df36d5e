// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.block.driver.FaultDisk;
import io.pollux.block.driver.FaultLog;
import io.pollux.block.driver.HostDisk;
import io.pollux.block.driver.NullDisk;
import io.pollux.block.driver.PolledDisk;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.UserProcess;
import io.pollux.sample.SampleImage;
import io.pollux.sample.SamplePattern;
import io.pollux.syscalls.Kernel;
import io.pollux.syscalls.Program;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.IoReason;
import io.pollux.tools.image.TargetSpec.Disk;
import io.pollux.tools.image.TargetSpec.Fs;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a command runs against: a kernel with one disk, whose filesystem is mounted at /mnt. A
 * user's path is a path in the image. Without a filesystem it is a path of the kernel, where the
 * disk is /dev/NAME.
 */
public final class Target implements AutoCloseable {
  /**
   * Major number of disks, reserved for local use. No host disk has it, because programs look a
   * number up in the host's /sys.
   */
  @LinuxSource(file = "Documentation/admin-guide/devices.txt", name = "60-63")
  private static final long LOCAL_MAJOR = 60;

  private static final String MOUNT_POINT = "mnt";

  private final TargetSpec spec;
  private final @Nullable FaultDisk faulty;
  private final AutoCloseable driver;
  private final BlockDevice device;
  private final @Nullable HostDisk hostDisk;
  private final Kernel kernel;
  private final Program program;
  private final String fs;

  private Target(
      TargetSpec spec,
      AutoCloseable driver,
      BlockDevice device,
      PolledDisk medium,
      Kernel kernel,
      String fs) {
    this.spec = spec;
    this.driver = driver;
    faulty = driver instanceof FaultDisk disk ? disk : null;
    this.device = device;
    hostDisk = medium instanceof HostDisk host ? host : null;
    this.kernel = kernel;
    this.program = kernel.newProgram();
    this.fs = fs;
  }

  /**
   * Boots a kernel as specified.
   *
   * @param spec the user's options
   * @param writing whether the command writes; otherwise an image is opened read-only
   * @return the kernel with its disk
   * @throws Failure if the target cannot be opened
   */
  public static Target open(TargetSpec spec, boolean writing) {
    check(spec, writing);
    Disk kind = spec.diskOrDefault();
    String name = kind + "0";
    long dev = LOCAL_MAJOR << 8;
    boolean readOnly = spec.readOnly() || !writing;
    PolledDisk disk =
        switch (kind) {
          case FILE -> openHostDisk(Objects.requireNonNull(spec.image()), readOnly);
          case RAM -> spec.copyEngine() ? contents(spec).withCopyEngine() : contents(spec);
          case NULL -> new NullDisk(contents(spec), spec.nullDiskOrDefault());
        };
    FaultDisk faulty = spec.faults() == null ? null : FaultDisk.over(disk, spec.faults());
    AutoCloseable driver = faulty == null ? disk : faulty;
    BlockDevice device =
        faulty == null ? disk.disk(name, dev, readOnly) : faulty.disk(name, dev, readOnly);
    Kernel kernel = Kernel.boot();
    try {
      kernel.addDisk(device);
      String fs = mount(kernel, device, spec);
      return new Target(spec, driver, device, disk, kernel, fs);
    } catch (RuntimeException | Error e) {
      try {
        shutDown(kernel, driver);
      } catch (RuntimeException | Error later) {
        e.addSuppressed(later);
      }
      throw e;
    }
  }

  /**
   * Checks options as far as possible without opening anything.
   *
   * @param spec the user's options
   * @param writing whether the command writes
   * @throws Failure if they are inconsistent
   */
  public static void check(TargetSpec spec, boolean writing) {
    if (spec.size().isPresent() && (spec.fs() != Fs.NONE || spec.image() != null)) {
      throw Failure.couldNotRun("--size", "is for an empty disk: needs --fs none and no --image");
    }
    if (spec.size().isPresent() && spec.size().getAsLong() < SamplePattern.SECTOR) {
      throw Failure.couldNotRun("--size", "a disk has at least " + SamplePattern.SECTOR + " bytes");
    }
    if (spec.nullDisk() != null && spec.diskOrDefault() != Disk.NULL) {
      throw Failure.couldNotRun("--null", "is about a null disk: needs --disk null");
    }
    if (spec.copyEngine() && spec.diskOrDefault() != Disk.RAM) {
      throw Failure.couldNotRun("--copy-engine", "is about a disk in memory: needs --disk ram");
    }
    if (spec.copyEngine() && spec.faults() != null) {
      throw Failure.couldNotRun("--copy-engine and --fault", "exclude each other");
    }
    if (spec.norecovery() && spec.fs() == Fs.NONE) {
      throw Failure.couldNotRun("--norecovery", "is about a filesystem, and --fs is none");
    }
    if (spec.readOnly() && writing) {
      throw Failure.couldNotRun("--read-only", "refuses the writes that were asked for");
    }
    Path image = spec.image();
    if (image != null) {
      ImageFile.check(image);
    } else if (spec.diskOrDefault() == Disk.FILE) {
      throw Failure.couldNotRun("--disk file", "needs an --image");
    }
  }

  private static HostDisk openHostDisk(Path image, boolean readOnly) {
    try {
      return HostDisk.open(image, readOnly);
    } catch (IOException e) {
      throw Failure.couldNotRun(image.toString(), IoReason.of(e), e);
    }
  }

  /**
   * Creates the disk in memory, also for a null disk: with the image, with the sample, or empty if
   * there is a size.
   *
   * @param spec the user's options
   * @return the disk; the caller closes it
   * @throws Failure if the image cannot be read, or there is not enough memory
   */
  public static RamDisk contents(TargetSpec spec) {
    Path image = spec.image();
    if (image == null) {
      return spec.size().isPresent()
          ? ImageLoader.newDisk("an empty disk", spec.size().getAsLong())
          : SampleImage.load(sampleFs(spec).toString());
    }
    return ImageLoader.load(image);
  }

  /** Returns the filesystem of the sample: the required one, or XFS. */
  private static Fs sampleFs(TargetSpec spec) {
    return spec.fs() == Fs.GFS2 ? Fs.GFS2 : Fs.XFS;
  }

  /** Mounts the device. Returns the filesystem's name, or none. */
  private static String mount(Kernel kernel, BlockDevice device, TargetSpec spec) {
    Fs wanted = spec.fs();
    if (wanted == Fs.NONE) {
      return Fs.NONE.toString();
    }
    String what = spec.image() == null ? "the sample image" : spec.image().toString();
    try {
      FileSystemType type = kernel.recognise(device).orElse(null);
      if (type == null) {
        throw Failure.couldNotRun(
            what,
            wanted == null
                ? "no filesystem recognised (--fs none takes it as a bare disk)"
                : "no " + wanted.name() + " filesystem recognised");
      }
      if (wanted != null && !type.name().equals(wanted.toString())) {
        throw Failure.couldNotRun(
            what, "is " + type.name().toUpperCase(Locale.ROOT) + ", not " + wanted.name());
      }
      boolean readOnly = spec.readOnly() || device.readOnly() || spec.norecovery();
      kernel.mount(
          MOUNT_POINT,
          type,
          device,
          (readOnly ? "ro" : "rw") + (spec.norecovery() ? ",norecovery" : ""));
      return type.name();
    } catch (ErrnoException e) {
      throw Failure.couldNotRun(what, String.valueOf(e.getMessage()), e);
    }
  }

  /**
   * Returns the process for I/O, always the same. It belongs to the first thread that calls the
   * kernel with it.
   */
  public Program program() {
    return program;
  }

  /**
   * Starts another process on the same kernel.
   *
   * @param process its memory and descriptors
   * @return its first thread; the caller closes it before this
   */
  public Program newProgram(UserProcess process) {
    return kernel.newProgram(process);
  }

  /** Returns the filesystem: xfs, gfs2 or none. */
  public String fs() {
    return fs;
  }

  /** Returns the type of the disk. */
  public Disk disk() {
    return spec.diskOrDefault();
  }

  /**
   * Describes the disk: its name under /dev, the access to a host file, and the copy engine of a
   * disk in memory.
   */
  public String deviceName() {
    if (hostDisk != null) {
      return device.name() + ", " + hostDisk.access();
    }
    return spec.copyEngine() ? device.name() + ", copy engine" : device.name();
  }

  /**
   * Returns null_blk's irqmode in words, for requests that are not polled; null for another disk.
   */
  public @Nullable String irqmode() {
    return disk() == Disk.NULL
        ? spec.nullDiskOrDefault().irqmode().name().toLowerCase(Locale.ROOT)
        : null;
  }

  /**
   * Returns a description of the disk's faults without a full stop, or null if none were requested.
   */
  public @Nullable String faults() {
    FaultDisk disk = faulty;
    if (disk == null) {
      return null;
    }
    FaultLog log = disk.log();
    String bios =
        log.failedBios() == log.failed()
            ? ""
            : String.format(Locale.ROOT, ", of %,d bios", log.failedBios());
    return String.format(
        Locale.ROOT,
        "faults of %s: %s (%,d of %,d requests failed%s; %s)",
        device.name(),
        log,
        log.failed(),
        disk.requests(),
        bios,
        disk.plan());
  }

  /** Whether this is the sample, mounted as a filesystem. */
  public boolean isSample() {
    return spec.image() == null && !bare();
  }

  /** Whether this is a bare disk without a filesystem. */
  public boolean bare() {
    return spec.fs() == Fs.NONE;
  }

  /**
   * Converts a path in the image to the path for system calls.
   *
   * @param path in the image
   */
  public PathName inKernel(PathName path) {
    return bare() ? path : PathName.of("/" + MOUNT_POINT).resolve(path);
  }

  /** Returns the image's root; without a filesystem, the directory of the disk. */
  public PathName root() {
    return PathName.of(bare() ? "/dev" : "/");
  }

  /**
   * Returns the file to work on: the requested one, else the disk, the sample's main file, or the
   * largest file.
   *
   * @param files the calls of {@link #program()}
   * @return its path in the image
   */
  public PathName file(UserFiles files) {
    if (spec.file() != null) {
      return PathName.of(spec.file());
    }
    if (bare()) {
      return PathName.of("/dev/" + device.name());
    }
    if (isSample()) {
      return PathName.of(SampleImage.MAIN_FILE);
    }
    LargestFile largest = new LargestFile();
    new Tree(this, files).walk(root(), largest);
    return largest.path();
  }

  /** Finds the largest regular file. */
  private static final class LargestFile implements Tree.Visitor {
    private PathName path = PathName.of("/");
    private long size;

    @Override
    public void visit(PathName file, FileStatus status) {
      if (status.is(StatMode.S_IFREG) && status.size() > size) {
        path = file;
        size = status.size();
      }
    }

    PathName path() {
      if (size == 0) {
        throw Failure.couldNotRun(
            "--file", "there is no file with anything in it to be the default");
      }
      return path;
    }
  }

  @Override
  public void close() {
    shutDown(kernel, driver); // terminates the program first
  }

  private static void shutDown(Kernel kernel, AutoCloseable driver) {
    try (driver) { // closed last
      kernel.close();
    } catch (ErrnoException e) {
      throw Failure.fault("unmounting", String.valueOf(e.getMessage()), e);
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      // no driver here throws a checked exception
      throw new IllegalStateException("closing the disk", e);
    }
  }
}
