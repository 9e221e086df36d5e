// SPDX-License-Identifier: GPL-2.0-only

/**
 * Disks. Each driver answers interrupt-driven requests when they are queued and polled ones when somebody
 * polls; the drivers that follow will take their time.
 */
@NullMarked
package io.pollux.block.driver;

import org.jspecify.annotations.NullMarked;
