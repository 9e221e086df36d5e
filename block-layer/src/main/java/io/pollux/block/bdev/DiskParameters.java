// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.uapi.Errno;
import java.util.List;
import java.util.OptionalLong;

/**
 * The description of a disk that a {@link DiskType} opens.
 *
 * @param name its name under /dev
 * @param dev its device number
 * @param readOnly whether it rejects writes
 * @param bytes the size that it must have; empty if it has one by itself, as a file of the host
 * @param options parameters in the type's own words; it refuses unknown ones by {@link
 *     Options#requireAllKnown}
 * @param lower the disks below it; only it uses them
 */
public record DiskParameters(
    String name,
    long dev,
    boolean readOnly,
    OptionalLong bytes,
    Options options,
    List<OpenedDisk> lower) {
  /** Copies the list. */
  public DiskParameters {
    lower = List.copyOf(lower);
  }

  /**
   * Checks the number of lower disks.
   *
   * @param type name of the type, for the sentence
   * @param lower number of lower disks
   * @param least smallest valid number
   * @param most largest valid number
   * @throws ErrnoException EINVAL if it is out of range
   */
  public static void requireLower(String type, int lower, int least, int most)
      throws ErrnoException {
    if (lower < least || lower > most) {
      String valid = least == most ? String.valueOf(least) : "from " + least + " to " + most;
      throw new ErrnoException(
          Errno.EINVAL,
          "a disk of type "
              + type
              + " has "
              + (most == 0 ? "no" : valid)
              + " lower disks, not "
              + lower);
    }
  }

  /** {@return the devices of the lower disks} */
  public List<BlockDevice> lowerDevices() {
    return lower.stream().map(OpenedDisk::device).toList();
  }

  /**
   * Returns the size that the disk must have.
   *
   * @param type name of the type, for the sentence
   * @return bytes
   * @throws ErrnoException EINVAL if none was requested
   */
  public long requireBytes(String type) throws ErrnoException {
    if (bytes.isEmpty()) {
      throw new ErrnoException(Errno.EINVAL, "a disk of type " + type + " needs a size");
    }
    return bytes.getAsLong();
  }
}
