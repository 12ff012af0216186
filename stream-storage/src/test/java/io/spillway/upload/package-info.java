@NullMarked
package io.spillway.upload;

import org.jspecify.annotations.NullMarked;
