/** How blocks and frames look on the device, and the scanner that tells a torn tail from damage. */
@NullMarked
package io.spillway.wal.format;

import org.jspecify.annotations.NullMarked;
