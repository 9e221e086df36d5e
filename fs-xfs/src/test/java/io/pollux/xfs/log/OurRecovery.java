// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.xfs.XfsFileSystem;
import io.pollux.xfs.mkfs.MadeImage;
import java.io.IOException;
import java.nio.file.Path;

/** Recovers an image in place by a mount of this project. */
final class OurRecovery {
  private OurRecovery() {}

  /** Mounts and unmounts. */
  static void recover(Path image) throws IOException, ErrnoException {
    mount(image, "rw");
  }

  static void mount(Path image, String options) throws IOException, ErrnoException {
    try (MadeImage made = new MadeImage(image, 512)) {
      Options words = Options.parse(options);
      SuperBlock sb =
          new XfsFileSystem().mount(made.current(), made.disk(), words.readOnly(false), words);
      sb.unmount(made.current());
    }
  }

  /** Checks without changing anything. */
  static void check(Path image) throws IOException, ErrnoException {
    try (MadeImage made = new MadeImage(image, 512)) {
      new XfsFileSystem().check(made.current(), made.disk(), Options.parse(""), said -> {});
    }
  }
}
