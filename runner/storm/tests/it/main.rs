//! The storm: it is the same storm each time, it is calm where all is well, and it finds what is planted.

mod planted;
mod same;
