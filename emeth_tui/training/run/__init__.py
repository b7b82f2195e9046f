"""The training run: its loop and steps, what it measures, saves and recovers from.

An epoch is reported, and gets its link of the hash chain, when its last step has been applied and it has
been validated, whether or not a checkpoint holds it yet. After a crash in between, the epoch is trained
again: the next process says in `Prepared` how many epochs it goes on from (`WentBack` after a divergence, or
a pause whose checkpoint was lost), the node sets `epochs_done` back to that, and the repeated epoch replaces
its record. Links follow from the dataset and the number of the epoch alone, so the repeated epoch gets the
same link, and no link is ever given for an epoch that was not trained. A pretrained model's training may go
back to the best weights that it has had (`best_weights`): that undoes no epoch.
"""
