// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.DiskSpec;
import io.pollux.block.bdev.DiskStack;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.block.bdev.Providers;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.UserProcess;
import io.pollux.sample.SampleImage;
import io.pollux.sample.SamplePattern;
import io.pollux.syscalls.Kernel;
import io.pollux.syscalls.Program;
import io.pollux.tools.console.Failure;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import io.pollux.userland.UserChanges;
import io.pollux.userland.UserFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * What a command runs against: a kernel with one disk, whose filesystem is mounted at /mnt, which
 * is the root of the command's program. A user's path is a path in the image. Without a filesystem
 * it is a path of the kernel, where the disk is /dev/NAME.
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
  private final DiskStack stack;
  private final OpenedDisk disk; // the uppermost
  private final boolean sample;
  private final Kernel kernel;
  private final Program program;
  private final String fs;

  private Target(TargetSpec spec, Disks.Opened opened, Kernel kernel, String fs) {
    this.spec = spec;
    stack = opened.stack();
    disk = stack.top();
    sample = opened.sample() && !spec.bare();
    this.kernel = kernel;
    this.program = kernel.newProgram();
    this.fs = fs;
  }

  /**
   * Makes the mount the root of the program, so that no symlink and no ".." of a path in the image
   * leads to the kernel's other files.
   */
  private void enterImage() {
    try (UserChanges changes = new UserChanges(program)) {
      changes.changeRoot(PathName.of("/" + MOUNT_POINT));
    }
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
    Providers providers = Modules.load(spec.modules());
    check(spec, writing, providers);
    return open(spec, writing, providers, (kernel, device) -> mount(kernel, device, spec));
  }

  /**
   * Boots a kernel as specified, without mounting the disk.
   *
   * @param spec the user's options
   * @param writing whether the command writes to the disk
   * @param providers the filesystems and disks
   * @return the kernel with its disk
   * @throws Failure if the disk cannot be opened
   */
  public static Target openUnmounted(TargetSpec spec, boolean writing, Providers providers) {
    check(spec, writing, providers);
    return open(spec, writing, providers, (kernel, device) -> Providers.NONE);
  }

  private static Target open(
      TargetSpec spec,
      boolean writing,
      Providers providers,
      BiFunction<Kernel, BlockDevice, String> mount) {
    Kernel kernel = Kernel.boot(providers);
    DiskStack stack = null;
    try {
      boolean readOnly = spec.readOnly() || !writing;
      String name = spec.diskOrDefault().type() + "0";
      Disks.Opened opened = Disks.open(kernel, providers, spec, name, LOCAL_MAJOR << 8, readOnly);
      stack = opened.stack();
      kernel.addDisk(stack.top().device());
      stack.lowerDevices().forEach(kernel::addDisk);
      String fs = mount.apply(kernel, stack.top().device());
      Target target = new Target(spec, opened, kernel, fs);
      if (!fs.equals(Providers.NONE)) {
        target.enterImage();
      }
      return target;
    } catch (RuntimeException | Error e) {
      try {
        shutDown(kernel, stack);
      } catch (RuntimeException | Error later) {
        e.addSuppressed(later);
      }
      throw e;
    }
  }

  /**
   * Checks the user's options, without opening the target.
   *
   * @param spec the user's options
   * @param writing whether the command writes
   * @throws Failure if they contradict each other, or name what does not exist
   */
  public static void check(TargetSpec spec, boolean writing) {
    check(spec, writing, Modules.load(spec.modules()));
  }

  private static void check(TargetSpec spec, boolean writing, Providers providers) {
    checkOptions(spec, writing);
    checkFs(spec, providers);
    Disks.check(spec, providers);
  }

  private static void checkOptions(TargetSpec spec, boolean writing) {
    if (spec.size().isPresent() && (!spec.bare() || spec.image() != null)) {
      throw Failure.couldNotRun("--size", "is for an empty disk: needs --fs none and no --image");
    }
    if (spec.size().isPresent() && spec.size().getAsLong() < SamplePattern.SECTOR) {
      throw Failure.couldNotRun("--size", "a disk has at least " + SamplePattern.SECTOR + " bytes");
    }
    if (spec.nullDisk() != null && !spec.isDisk(TargetSpec.NULL)) {
      throw Failure.couldNotRun("--null", "is about a null disk: needs --disk null");
    }
    if (spec.copyEngine() && !spec.isDisk(TargetSpec.RAM)) {
      throw Failure.couldNotRun("--copy-engine", "is about a disk in memory: needs --disk ram");
    }
    if (spec.copyEngine() && spec.faults() != null) {
      throw Failure.couldNotRun("--copy-engine and --fault", "exclude each other");
    }
    if (spec.norecovery() && spec.bare()) {
      throw Failure.couldNotRun("--norecovery", "is about a filesystem, and --fs is none");
    }
    if (!spec.options().isEmpty() && spec.bare()) {
      throw Failure.couldNotRun("-o " + spec.options(), "is about a filesystem, and --fs is none");
    }
    if (spec.readOnly() && writing) {
      throw Failure.couldNotRun("--read-only", "refuses the writes that were asked for");
    }
    Path image = spec.image();
    if (image != null) {
      ImageFile.check(image);
    } else if (spec.isDisk(TargetSpec.FILE) && !spec.diskOrDefault().has("path")) {
      throw Failure.couldNotRun("--disk file", "needs an --image");
    }
  }

  /** Checks that the required filesystem exists, before a disk is loaded. */
  private static void checkFs(TargetSpec spec, Providers providers) {
    String wanted = spec.fs();
    if (wanted != null && !spec.bare()) {
      try {
        providers.fileSystem(wanted);
      } catch (ErrnoException e) {
        throw Failure.couldNotRun("--fs " + wanted, String.valueOf(e.getMessage()), e);
      }
    }
  }

  /** Mounts the device. Returns the filesystem's name, or none. */
  private static String mount(Kernel kernel, BlockDevice device, TargetSpec spec) {
    if (spec.bare()) {
      return Providers.NONE;
    }
    String what = what(spec);
    try {
      FileSystemType type = recognise(kernel, device, spec);
      List<String> words = new ArrayList<>();
      words.add("rw");
      if (!spec.options().isEmpty()) {
        words.add(spec.options());
      }
      if (spec.norecovery()) {
        words.add("norecovery");
      }
      if (spec.mountsReadOnly() || device.readOnly()) {
        words.add("ro");
      }
      kernel.mount(MOUNT_POINT, type, device, String.join(",", words));
      return type.name();
    } catch (ErrnoException e) {
      throw Failure.couldNotRun(what, String.valueOf(e.getMessage()), e);
    }
  }

  private static String what(TargetSpec spec) {
    Path image = spec.image();
    DiskSpec disk = spec.disk();
    return image != null
        ? image.toString()
        : disk != null && disk.has("path") ? "--disk " + disk : "the sample image";
  }

  private static FileSystemType recognise(Kernel kernel, BlockDevice device, TargetSpec spec)
      throws ErrnoException {
    String wanted = spec.fs();
    FileSystemType type = kernel.recognise(device).orElse(null);
    if (type == null) {
      throw Failure.couldNotRun(
          what(spec),
          wanted == null
              ? "no filesystem recognised (--fs none takes it as a bare disk)"
              : "no " + wanted + " filesystem recognised");
    }
    if (wanted != null && !type.name().equals(wanted)) {
      throw Failure.couldNotRun(what(spec), "is " + type.name() + ", not " + wanted);
    }
    return type;
  }

  /**
   * Recognises the filesystem of a target that is not mounted: the required one, or any.
   *
   * @return its type
   * @throws Failure if there is none, or another one
   */
  public FileSystemType recognise() {
    try {
      return recognise(kernel, disk.device(), spec);
    } catch (ErrnoException e) {
      throw Failure.couldNotRun(what(spec), String.valueOf(e.getMessage()), e);
    }
  }

  /** Returns the kernel. */
  public Kernel kernel() {
    return kernel;
  }

  /** Returns the disk's device. */
  public BlockDevice device() {
    return disk.device();
  }

  /**
   * Returns the process for I/O, always the same. Its root is the image's, if that is mounted. It
   * belongs to the thread that opened this.
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

  /** Returns the filesystem's name, or none. */
  public String fs() {
    return fs;
  }

  /** Returns the type of the disk, without a fault disk that the user's option adds. */
  public String disk() {
    return spec.diskOrDefault().type();
  }

  /** Whether reads of the disk return the data of earlier writes. */
  public boolean keepsData() {
    return disk.keepsData();
  }

  /** Whether requests complete almost in order, and at once. */
  public boolean completesInOrder() {
    return disk.completesInOrder();
  }

  /** Describes the disk: its name under /dev, and its traits, such as the access to a host file. */
  public String deviceName() {
    List<String> words = new ArrayList<>();
    words.add(disk.device().name());
    words.addAll(disk.traits());
    return String.join(", ", words);
  }

  /** Returns sentences about what the disk did, such as its faults, without full stops. */
  public List<String> summary() {
    return disk.summary();
  }

  /** Whether this is the sample, mounted as a filesystem. */
  public boolean isSample() {
    return sample;
  }

  /** Whether this is a bare disk without a filesystem. */
  public boolean bare() {
    return spec.bare();
  }

  /**
   * Converts a path in the image to the path for system calls of {@link #program}: a relative path
   * starts at the image's root.
   *
   * @param path in the image
   */
  public PathName inKernel(PathName path) {
    return bare() ? path : PathName.of("/").resolve(path);
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
      return PathName.of("/dev/" + disk.device().name());
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
    shutDown(kernel, stack); // terminates the program first
  }

  private static void shutDown(Kernel kernel, @Nullable DiskStack stack) {
    try (stack) { // closed last
      kernel.close();
    } catch (ErrnoException e) {
      throw Failure.fault("unmounting", String.valueOf(e.getMessage()), e);
    }
  }
}
