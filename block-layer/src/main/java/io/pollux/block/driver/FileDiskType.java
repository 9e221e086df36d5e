// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.bdev.DiskParameters;
import io.pollux.block.bdev.DiskType;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * The type file: files and block devices of the host, read and written in place. Its parameter
 * {@code path} is the file, which has the size of the disk.
 */
public final class FileDiskType implements DiskType {
  /** Creates the provider. */
  public FileDiskType() {}

  @Override
  public String name() {
    return "file";
  }

  @Override
  public void checkOptions(Options options, int lower) throws ErrnoException {
    DiskParameters.requireLower(name(), lower, 0, 0);
  }

  @Override
  public OpenedDisk open(Task current, DiskParameters parameters) throws ErrnoException {
    DiskParameters.requireLower(name(), parameters.lower().size(), 0, 0);
    String path = parameters.options().text("path");
    parameters.options().requireAllKnown(name());
    if (path == null) {
      throw new ErrnoException(Errno.EINVAL, "a disk of type file needs the option path");
    }
    try {
      HostDisk disk = HostDisk.open(Path.of(path), parameters.readOnly());
      return OpenedPolledDisk.file(disk, parameters);
    } catch (NoSuchFileException e) {
      throw new ErrnoException(Errno.ENOENT, path + ": " + Errno.describe(Errno.ENOENT));
    } catch (AccessDeniedException e) {
      throw new ErrnoException(Errno.EACCES, path + ": " + Errno.describe(Errno.EACCES));
    } catch (InvalidPathException | IOException e) {
      throw new ErrnoException(Errno.EIO, path + ": " + e.getMessage());
    }
  }
}
