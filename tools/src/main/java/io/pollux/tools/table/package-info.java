// SPDX-License-Identifier: GPL-2.0-only

/**
 * The table that the series was posted with, measured on this kernel: {@code pollux table}. {@link
 * io.pollux.tools.table.TableRun} measures, and the other classes show a {@link io.pollux.tools.table.Measurement} as
 * text, JSON or a chart.
 */
@NullMarked
package io.pollux.tools.table;

import org.jspecify.annotations.NullMarked;
