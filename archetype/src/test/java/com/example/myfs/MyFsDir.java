// SPDX-License-Identifier: GPL-2.0-only
package com.example.myfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.DirContext;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.RootDirectory;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** The directory. Its files do not change after the mount. */
final class MyFsDir extends RootDirectory {
  final Map<String, MyFsFile> files = new LinkedHashMap<>();

  MyFsDir(MyFsSuper sb) {
    super(sb, 0555);
  }

  @Override
  public Inode lookup(Task current, byte[] name) throws ErrnoException {
    MyFsFile file = files.get(new String(name, StandardCharsets.ISO_8859_1));
    if (file == null) {
      throw new ErrnoException(Errno.ENOENT);
    }
    return file;
  }

  /** Lists the entries. The position of a file is its inode number. */
  @Override
  protected void list(DirContext context) {
    for (MyFsFile each : files.values()) {
      byte[] name = each.name().getBytes(StandardCharsets.ISO_8859_1);
      boolean due = each.ino() >= context.pos();
      if (due && !context.emit(name, each.ino(), StatMode.DT_REG, each.ino() + 1)) {
        break;
      }
    }
  }
}
