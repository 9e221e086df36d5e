// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;

/** What happens when a bio is done. */
@FunctionalInterface
@LinuxSource(file = "include/linux/blk_types.h", name = "bio_end_io_t")
public interface BioEndIo {
  /**
   * Takes the bio back. From any context; must not sleep.
   *
   * <p>It completes its request as the last step. If it throws, and the owner of the bio is a Kiocb that is not complete, the
   * request fails with EIO. With any other owner the request is lost.
   *
   * @param bio the bio; {@link Bio#status} tells how it went
   */
  void endIo(Bio bio);
}
