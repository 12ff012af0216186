/** Data objects, format version 1: who writes them, who reads them, how they are laid out. */
@NullMarked
package io.spillway.format.v1;

import org.jspecify.annotations.NullMarked;
