// SPDX-License-Identifier: GPL-2.0-only

/**
 * fs/aio.c after the series: contexts, requests and rings. It depends on no filesystem and no block
 * device.
 */
module io.pollux.aio {
  requires static transitive org.jspecify;
  requires transitive io.pollux.core;

  exports io.pollux.aio;
}
