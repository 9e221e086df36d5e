// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.vfs.File;
import io.pollux.uapi.LinuxSource;

/** What an IOCB_CMD_POLL asks for. It lives as long as the asking, and so is never an object once it is compiled. */
@LinuxSource(file = "fs/aio.c", name = "aio_poll")
final class AioPoll {
  private final AioKiocb req;
  private final File file;
  private final int mask;

  AioPoll(AioKiocb req, File file, int mask) {
    this.req = req;
    this.file = file;
    this.mask = mask;
  }

  /** Starts waiting, or completes at once if the file is ready. */
  void arm() {
    req.poll().arm(file, mask);
  }
}
