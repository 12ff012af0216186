@NullMarked
package io.spillway.read;

import org.jspecify.annotations.NullMarked;
