// SPDX-License-Identifier: GPL-2.0-only

/**
 * Measures the table of the series' posting on this kernel: {@code pollux table}. {@link
 * io.pollux.tools.table.TableRun} measures. The other classes format a {@link
 * io.pollux.tools.table.Measurement} as text, JSON or a chart.
 */
@NullMarked
package io.pollux.tools.table;

import org.jspecify.annotations.NullMarked;
