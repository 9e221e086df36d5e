// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;

/**
 * A disk and all disks below it, opened from a {@link DiskSpec}. The stack claims the lower disks,
 * so that they cannot be mounted or opened with O_EXCL.
 */
public final class DiskStack implements AutoCloseable {
  private final Providers providers;
  private final Task current;
  private final Set<String> names = new HashSet<>();
  private final List<OpenedDisk> opened = new ArrayList<>(); // each after those below it
  private long dev;

  private DiskStack(Providers providers, Task current, long dev) {
    this.providers = providers;
    this.current = current;
    this.dev = dev;
  }

  /**
   * Checks the types and the parameters of a description, without opening a disk.
   *
   * @param providers the types of disks
   * @param spec the description
   * @throws ErrnoException ENODEV for an unknown type, EINVAL for a parameter, EIO if a type threw
   *     another exception
   */
  public static void check(Providers providers, DiskSpec spec) throws ErrnoException {
    DiskType type = providers.disk(spec.type());
    try {
      type.checkOptions(Options.of(spec.options()), spec.lower().size());
    } catch (RuntimeException | LinkageError | AssertionError e) {
      throw threw(type, e);
    }
    for (DiskSpec below : spec.lower()) {
      check(providers, below);
    }
  }

  /**
   * Opens a disk after its lower disks. A lower disk gets the name of its type and a number: ram0.
   * From process context.
   *
   * @param current the calling task
   * @param providers the types of disks
   * @param spec the description
   * @param name name of the uppermost disk under /dev
   * @param dev its device number; lower disks have the next ones
   * @param bytes its size; empty if the disk has a size of its own
   * @param readOnly whether all disks reject writes
   * @return the stack, which the caller closes
   * @throws ErrnoException as {@link #check}, or the error of a disk; none is open then
   */
  @SuppressWarnings("ReferenceEquality") // the uppermost disk itself
  public static DiskStack open(
      Task current,
      Providers providers,
      DiskSpec spec,
      String name,
      long dev,
      OptionalLong bytes,
      boolean readOnly)
      throws ErrnoException {
    DiskStack stack = new DiskStack(providers, current, dev);
    stack.names.add(name);
    OpenedDisk top = stack.open(spec, name, bytes, readOnly);
    for (OpenedDisk disk : stack.opened) {
      boolean claimed = disk == top || disk.device().claim(stack);
      assert claimed : disk.device().name();
    }
    return stack;
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
        lower.add(open(below, freeName(below.type()), lowerBytes, readOnly));
      }
      Options options = Options.of(spec.options());
      DiskParameters parameters = new DiskParameters(name, number, readOnly, bytes, options, lower);
      OpenedDisk disk = opened(type, parameters);
      done = true; // the disk closes its lower disks from now on
      try {
        options.requireAllKnown(spec.type());
      } catch (ErrnoException e) {
        disk.close();
        throw e;
      }
      opened.add(disk);
      return disk;
    } finally {
      if (!done) {
        lower.reversed().forEach(OpenedDisk::close);
      }
    }
  }

  private String freeName(String type) {
    int number = 0;
    while (!names.add(type + number)) { // there are few disks
      number++;
    }
    return type + number;
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
      OpenedDisk disk = type.open(current, parameters);
      if (disk == null || disk.device() == null) {
        throw new ErrnoException(Errno.EIO, type.name() + ": its open returned nothing");
      }
      return disk;
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

  /** {@return the uppermost disk} */
  public OpenedDisk top() {
    return opened.getLast();
  }

  /** {@return all disks, each after those below it; the uppermost is the last} */
  public List<OpenedDisk> disks() {
    return List.copyOf(opened);
  }

  /**
   * Returns the devices of the lower disks that programs may use. A disk whose driver the disk
   * above has taken over has none.
   *
   * @return the devices
   */
  @LinuxSource(file = "drivers/md/dm.c", name = "dm_get_device")
  public List<BlockDevice> lowerDevices() {
    return opened.subList(0, opened.size() - 1).stream()
        .map(OpenedDisk::device)
        .filter(device -> !device.isRemoved())
        .toList();
  }

  /** {@return whether no disk has content of its own} */
  public boolean isEmpty() {
    return opened.stream().allMatch(OpenedDisk::isEmpty);
  }

  /** Closes all disks. No request is in flight. */
  @Override
  public void close() {
    top().close();
  }
}
