@NullMarked
package io.spillway.request.transaction;

import org.jspecify.annotations.NullMarked;
