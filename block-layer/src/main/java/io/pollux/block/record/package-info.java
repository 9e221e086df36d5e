// SPDX-License-Identifier: GPL-2.0-only

/**
 * Metadata of a small filesystem without a log: records that a power cut leaves whole.
 *
 * <p>A {@link io.pollux.block.record.RecordTable} has a fixed number of records, such as one for
 * each inode. Each has two slots on the device. A write goes to the slot with the older version,
 * and is one transaction of one record. A filesystem that changes two records orders the two writes
 * so that it can use either state.
 *
 * <p>The package {@link io.pollux.block.buffer} is for formats whose metadata is in blocks. This
 * one defines a format of its own, and needs neither a cache nor a log.
 */
@NullMarked
package io.pollux.block.record;

import org.jspecify.annotations.NullMarked;
