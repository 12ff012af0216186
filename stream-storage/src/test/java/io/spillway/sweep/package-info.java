@NullMarked
package io.spillway.sweep;

import org.jspecify.annotations.NullMarked;
