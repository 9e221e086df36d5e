// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;

/** Operations of a file opened with O_PATH: none. */
@LinuxSource(file = "fs/open.c", name = "empty_fops")
final class EmptyOperations implements FileOperations {
  static final EmptyOperations INSTANCE = new EmptyOperations();

  private EmptyOperations() {}

  @Override
  public boolean canSeek() {
    return false;
  }
}
