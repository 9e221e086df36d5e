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
   * @param bio the bio; {@link Bio#status} tells how it went
   */
  void endIo(Bio bio);
}
